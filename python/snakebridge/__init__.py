"""The Python half of SnakeBridge's worker: it runs cells, shows what they show, and knows what names mean.

It opens no socket and converts no value: the extension module `_native` does.
It needs nothing but the standard library, and uses IPython where the user has it.
"""

__version__ = "0.1.0"
