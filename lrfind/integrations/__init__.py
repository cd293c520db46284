"""Range tests in the loops of other libraries, one file each, imported on first use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["fastai", "ignite", "lightning", "transformers"]
)
