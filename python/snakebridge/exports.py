"""What exports ask Python: Elixir's values as literals, and what of a notebook runs in Livebook's own Python.

The answer is printed, as a line of JSON. Nothing here runs a cell; what a cell changes is the business of `effects`.
"""

import ast
import builtins
import importlib.metadata
import json
import pprint
import re
import sys

_LITERALS = (type(None), bool, int, float, complex, str, bytes)
_CONTAINERS = (list, tuple, set)
# A literal that is larger belongs into a file of data.
_LONGEST_LITERAL = 20_000
_MAGIC = re.compile(r"^\s*(?:%%?[a-zA-Z]|!)", re.MULTILINE)


def literals(source, names):
    """Prints, for those of these names that occur in the source or are told anyway, a line that defines each."""
    values = sys.modules["__main__"].__dict__
    words = set(re.findall(r"\w+", source))
    found = {name: values[name] for name in json.loads(names) if name in values and name in words}
    _answer({name: _definition(name, value) for name, value in found.items()})


def _answer(value):
    sys.stdout.write(json.dumps(value) + "\n")


def _definition(name, value):
    if not _is_literal(value):
        return f"# {name} comes from Elixir, and has no literal: {type(value).__name__}"
    # So that a text of several lines begins where the others do.
    text = pprint.pformat(value, width=100, sort_dicts=False)
    if len(text) > _LONGEST_LITERAL:
        return f"# {name} comes from Elixir, and its literal would be too large: {len(text)} characters"
    return f"{name} = {text}"


def _is_literal(value):
    """Whether its literal is read as the same value again."""
    if type(value) in _LITERALS:
        # Infinity and what is no number have no literal.
        return type(value) not in (float, complex) or abs(value) < float("inf")
    if type(value) in _CONTAINERS:
        return (value != set()) and all(map(_is_literal, value))
    return type(value) is dict and all(_is_literal(part) for pair in value.items() for part in pair)


def pythonx(path):
    """Prints a `pyproject.toml` for the cells in that file, and what of them runs otherwise in Livebook's own Python."""
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    cells = [cell for cell in cells if cell["language"] == "python"]
    trees = {cell["number"]: _tree(cell["source"]) for cell in cells}
    notes = []
    bound_before = set()
    for index, cell in enumerate(cells):
        number = cell["number"]
        tree = trees[number]
        if tree is None:
            notes.append(
                f"cell {number}: magics, commands of the shell and what is no Python do not run there"
            )
            continue
        later = {name for other in cells[index + 1 :] for name in _binds(trees[other["number"]])}
        found = _differences(tree, later, bound_before)
        notes.extend(f"cell {number}: {what}" for what in found)
        bound_before |= _binds(tree)
    modules = {name for tree in trees.values() for name in _imports(tree)}
    _answer({"pyproject": _pyproject(modules), "notes": notes})


def _tree(source):
    if _MAGIC.search(source):
        return None
    try:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return compile(source, "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _differences(tree, later, bound_before):
    bound = _binds(tree)
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    ]
    in_functions = {name for function in functions for name in _loads(function)}
    unseen = sorted((in_functions & later) - bound - bound_before)
    if unseen:
        yield f"its functions do not see what later cells bind: {', '.join(unseen)}"
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    if hidden := sorted(calls & {"exec", "globals", "setattr"}):
        yield f"names that {', '.join(hidden)} bind do not reach other cells"
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        yield "names that a function declares `global` do not reach other cells"
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        yield "names of `import *` do not reach other cells"
    if shadowed := sorted(bound & set(dir(builtins))):
        yield f"names of builtins do not reach other cells: {', '.join(shadowed)}"
    if any(isinstance(node, ast.Delete) for node in tree.body):
        yield "what `del` unbinds is nil in other cells"
    if "input" in calls:
        yield "input() raises there"
    if _awaits(tree):
        yield "`await` outside of functions is a SyntaxError there"
    if "ex" in _loads(tree) - bound - bound_before:
        yield "there is no `ex`: functions of Elixir cannot be called"
    if from_elixir := sorted(
        _loads(tree) - bound - bound_before - in_functions - set(dir(builtins)) - {"ex"}
    ):
        yield f"texts of Elixir arrive as bytes: {', '.join(from_elixir)}"
    if (
        bound_before & {"plt"}
        and "plt" in _loads(tree)
        and "show" in {getattr(node, "attr", "") for node in ast.walk(tree)}
    ):
        yield "a plot is shown where the cell ends in plt.gcf(), not by plt.show()"


def _binds(tree):
    """The names that a cell may bind at its top level."""
    if tree is None:
        return set()
    found = set()
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo.extend(ast.iter_child_nodes(node))
    return found


def _loads(node):
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _awaits(tree):
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))
    return False


def _imports(tree):
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _pyproject(modules):
    packages = importlib.metadata.packages_distributions()
    names = {packages[module][0] for module in modules if module in packages}
    lines = "".join(
        f'  "{name}=={importlib.metadata.version(name)}",\n' for name in sorted(names, key=str.lower)
    )
    dependencies = f"[\n{lines}]" if lines else "[]"
    major, minor = sys.version_info[:2]
    return (
        f'[project]\nname = "project"\nversion = "0.0.0"\n'
        f'requires-python = "=={major}.{minor}.*"\ndependencies = {dependencies}'
    )
