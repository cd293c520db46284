"""What people look at: tables, sentences, figures. No torch."""
