"""Functions as descriptors: parameters, types, where the signature was had from, what the documentation says."""

import functools
import inspect
import re
import types

from snakebridge import descriptor, docstrings, signatures
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import trees, values

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}
_FUNCTION_TYPES = (
    *descriptor.FUNCTIONS,
    types.MethodType,
    functools.partial,
    type(functools.lru_cache(lambda: None)),
)
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def is_function(value):
    """Whether a value is a function, and no object that can merely be called."""
    return type(value) in _FUNCTION_TYPES or is_cython(value)


def is_cython(value):
    """Whether a value is a function that Cython made."""
    return descriptor.CLASS_QUALNAME.__get__(type(value)).endswith("cython_function_or_method")


def is_callable(value):
    """Whether a value is an object with `__call__`, and no type of `typing`."""
    if type(value) is types.GenericAlias or descriptor.CLASS_MODULE.__get__(type(value)) in (
        "typing",
        "typing_extensions",
        "types",
    ):
        return False
    return descriptor.class_attribute(type(value), "__call__")[0] not in (NOTHING, None)


class Functions:
    """Makes the descriptors of functions. `publicly`: a class's name for users."""

    def __init__(self, publicly):
        self._publicly = publicly
        self._docs = {}

    def describe(self, value, name, path, kind, *, bound=False, own=None):
        """The descriptor of a function. `bound`: its first parameter is given by the call; `own`: the class's name."""
        inner, _ = signatures.function_of(value)
        reader = self.reader(inner, own)
        doc = self.doc(value)
        found = None if inner is None and not is_cython(value) else self._signature(value, bound)
        source = "unknown"
        parameters, returns = variadic(), trees.unknown()
        if found is not None:
            source = "known" if type(inner) is types.FunctionType or inner is None else "text"
            parameters = [self._parameter(p, reader) for p in found.parameters.values()]
            returns = annotation(found.return_annotation, reader)
        flags = inner.__code__.co_flags if type(inner) is types.FunctionType else 0
        return {
            "name": values.clean(name),
            "path": values.clean(path),
            "kind": kind,
            "signature": source,
            "parameters": parameters,
            "returns": returns,
            "async": bool(flags & _ASYNC),
            "generator": bool(flags & _GENERATOR),
            "overloads": [],
            "deprecated": deprecation(value, doc),
            "doc": doc,
        }

    def reader(self, inner, own=None):
        """What reads the annotations of a function."""
        names = inner.__globals__ if type(inner) is types.FunctionType else {}
        return trees.Reader(names, self._publicly, own)

    def doc(self, value):
        """What the documentation of an object says, or None."""
        return self.doc_of(descriptor.documentation(value))

    def doc_of(self, text):
        """What a documentation says, or None where there is none."""
        if not text.strip():
            return None
        found = self._docs.get(text)
        if found is None:
            found = self._docs[text] = docstrings.parsed(values.clean(text))
        return found

    def _signature(self, value, bound):
        if is_cython(value):
            try:
                found = inspect.signature(value)
            except (ValueError, TypeError):
                return None
            parameters = list(found.parameters.values())
            return found.replace(parameters=parameters[1:] if bound else parameters)
        return signatures.signature(value, bound)

    def _parameter(self, found, reader):
        has_default = found.default is not inspect.Parameter.empty
        return parameter(
            found.name,
            _KINDS[found.kind],
            annotation(found.annotation, reader),
            values.literal(found.default) if has_default else None,
        )


def parameter(name, kind, tree, default=None):
    """The descriptor of a parameter."""
    required = default is None and kind not in ("var_positional", "var_keyword")
    return {"name": values.clean(name), "kind": kind, "required": required, "default": default, "type": tree}


def variadic():
    """The parameters of what may take anything."""
    return [
        parameter("args", "var_positional", trees.unknown()),
        parameter("kwargs", "var_keyword", trees.unknown()),
    ]


def annotation(found, reader):
    """The type that an annotation of a signature says."""
    return trees.unknown() if found is inspect.Parameter.empty else reader.read(found)


_DEPRECATED = re.compile(r"^[ \t]*\.\. deprecated::?[ \t]*([^\n]*(?:\n[ \t]+\S[^\n]*)*)", re.M)
_DEPRECATED_WORD = re.compile(r"^\s*(?:DEPRECATED\b|\[?Deprecated\b)[:\]. ]*([^\n]*(?:\n(?!\s*\n)[^\n]+)*)")


def deprecation(value, doc):
    """Why something should not be used any more, or None: `__deprecated__`, else what the documentation says."""
    said = descriptor.instance_dict(value).get("__deprecated__")
    if type(said) is str:
        return values.clean(said)
    text = doc["text"] if doc else ""
    found = _DEPRECATED.search(text) or _DEPRECATED_WORD.match(text)
    if found is None:
        return None
    return " ".join(found[1].split())[:500] or "deprecated"


def of_property(found):
    """The function behind a property, where Python has it."""
    function = found.fget if type(found) is property else descriptor.instance_dict(found).get("func", NOTHING)
    return function if type(function) is types.FunctionType else NOTHING
