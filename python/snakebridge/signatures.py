"""The signatures of functions, classes and callable objects, and their texts; read, and never asked of the user's code."""

import functools
import inspect
import sys
import types

from snakebridge.descriptor import (
    CLASS_MODULE,
    FUNCTIONS,
    NOTHING,
    class_attribute,
    class_dict,
    class_name,
    class_of,
    instance_dict,
    is_builtin,
    is_instance,
    kind,
    short_value,
    unwrapped,
)


def signature(value, bound=False):
    """The signature as `inspect.Signature`, or None. `bound`: the first parameter is taken already."""
    function, skip = function_of(value)
    if function is None:
        return inspect.Signature() if is_instance(value, type) and _takes_nothing(value) else None
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            found = inspect.signature(function, annotation_format=annotationlib.Format.STRING)
        else:
            found = inspect.signature(function)
    except Exception:
        return None
    parameters = list(found.parameters.values())
    if (skip or bound) and parameters and parameters[0].kind in _POSITIONAL:
        parameters = parameters[1:]
    try:
        return found.replace(parameters=parameters)
    except ValueError:
        return found


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def function_of(value):
    """The function that runs when an object is called, and whether its first parameter is the object itself."""
    cls = type(value)
    if cls is types.MethodType:
        return value.__func__, True
    if cls in FUNCTIONS:
        return _innermost(value), False
    if cls in (staticmethod, classmethod):
        return value.__func__, cls is classmethod
    if cls is functools.partial:
        inner, _ = function_of(value.func)
        # Its signature is made of the inner one's.
        return (None, False) if inner is None or type(value.func) is functools.partial else (value, False)
    if is_instance(value, type):
        for name in ("__init__", "__new__"):
            found, owner = class_attribute(value, name)
            if type(unwrapped(found)) is types.FunctionType and owner is not object:
                return _innermost(unwrapped(found)), True
        return (
            (value, False)
            if "__text_signature__" in class_dict(value) or is_builtin(value)
            else (None, False)
        )
    wrapped = instance_dict(value).get("__wrapped__")
    if type(wrapped) is types.FunctionType:
        return _innermost(wrapped), False
    found, _ = class_attribute(class_of(value), "__call__")
    if type(found) is types.FunctionType:
        return found, True
    return None, False


def _takes_nothing(cls):
    """Whether a class leaves its making to `object`."""
    return all(class_attribute(cls, name)[1] is object for name in ("__init__", "__new__"))


def _innermost(function):
    """What decorators wrap, so long as it is functions all the way."""
    for _ in range(32):
        if type(function) is not types.FunctionType:
            return function
        if "__signature__" in function.__dict__:
            # A text or a computed object of the user's.
            if type(function.__dict__["__signature__"]) is inspect.Signature:
                return function
            return None
        wrapped = function.__dict__.get("__wrapped__")
        if wrapped is not None and type(wrapped) is not types.FunctionType:
            # An object around it, as dispatchers and caches are.
            wrapped = instance_dict(wrapped).get("__wrapped__", NOTHING)
        if type(wrapped) is not types.FunctionType:
            return function if wrapped is None else None
        function = wrapped
    return function


def signature_text(value, bound=False):
    """`(a, b=1, *args)`; empty where it is not known."""
    found = signature(value, bound)
    return "" if found is None else _parameters_text(found)


def _parameters_text(found):
    texts, slash, star = [], False, False
    for parameter in found.parameters.values():
        if slash and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
            texts.append("/")
            slash = False
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            slash = True
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            star = True
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            texts.append("*")
            star = True
        texts.append(_parameter_text(parameter))
    if slash:
        texts.append("/")
    result = _annotation_text(found.return_annotation)
    return f"({', '.join(texts)})" + (f" -> {result}" if result else "")


def argument_text(parameter):
    """What is known of a parameter but its name: `int = 3`."""
    text = _annotation_text(parameter.annotation)
    if parameter.default is not inspect.Parameter.empty:
        text += f" = {_default_text(parameter.default)}"
    return text.strip()


_STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _parameter_text(parameter):
    text = _STARS.get(parameter.kind, "") + parameter.name
    annotation = _annotation_text(parameter.annotation)
    if annotation:
        text += f": {annotation}"
    if parameter.default is not inspect.Parameter.empty:
        equals = " = " if annotation else "="
        text += equals + _default_text(parameter.default)
    return text


def _default_text(value):
    if is_instance(value, type):
        return class_name(value)
    if kind(value) == "function":
        return value.__name__
    return short_value(value, longest=40) or "..."


def _annotation_text(annotation):
    """An annotation's text; empty where only the user's code could write it."""
    if annotation is inspect.Parameter.empty:
        return ""
    if annotation is None:
        return "None"
    if type(annotation) is str:
        return annotation
    if is_instance(annotation, type) and type(annotation) is not types.GenericAlias:
        return class_name(annotation)
    if CLASS_MODULE.__get__(type(annotation)) in ("typing", "types"):
        try:
            return repr(annotation).replace("typing.", "")
        except Exception:
            return ""
    return ""
