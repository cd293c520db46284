"""Many range tests, over seeds and settings."""
