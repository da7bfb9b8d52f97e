"""What calls may change, by what is known of the kinds of things: the tables behind `effects`.

A kind says as much of what a name stands for as these rules need:

| kind | what |
|---|---|
| `immutable` | numbers, text, bytes, None, and what holds only such and cannot be changed |
| `container` | lists, dicts, sets, and others of builtins and `collections` |
| `term` | a term of Elixir: the copy that Python has may be changed, in Elixir it cannot |
| `frame` | what pandas, polars and numpy compute with |
| `module NAME` | a module |
| `pure` | a function of which is known that it changes nothing |
| `function`, `class` | of the session's own |
| `iterator` | what is used up by going through it |
| None | anything |

No object is looked at here, but by `of_object`.
"""

import ast
import builtins
import types
from typing import NamedTuple


def _words(text):
    return frozenset(text.split())


_IMMUTABLE = (int, float, complex, bool, str, bytes, type(None), range, type(...), type(NotImplemented))

# Methods of builtins, by whether they change what they are called on.
MUTATORS = _words(
    "append extend insert remove pop clear sort reverse update setdefault popitem add discard difference_update "
    "intersection_update symmetric_difference_update appendleft extendleft popleft rotate subtract move_to_end"
)
# Methods that change nothing, whatever of builtins, numpy, pandas and polars they are called on.
PURE_METHODS = _words(
    """
    capitalize casefold center count decode encode endswith expandtabs find format format_map index isalnum isalpha
    isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip
    maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines
    startswith strip swapcase title translate upper zfill hex bit_length bit_count conjugate as_integer_ratio is_integer
    copy keys values items get union intersection difference symmetric_difference issubset issuperset isdisjoint
    most_common elements total total_seconds isoformat strftime timestamp weekday isoweekday date time timetuple
    group groups groupdict span start end
    head tail describe mean median std var sum min max abs all any argmax argmin argsort astype cumsum cumprod cummax
    cummin dot round clip corr cov nunique unique value_counts isin isna isnull notna notnull dropna fillna groupby agg
    aggregate merge sort_values sort_index reset_index set_index rename drop drop_duplicates duplicated assign query
    filter select with_columns pivot pivot_table melt stack unstack explode nlargest nsmallest quantile rank rolling
    expanding ewm resample shift diff pct_change between sample to_numpy to_list tolist to_dict to_string to_markdown
    to_frame to_series to_datetime to_pydatetime to_period reindex align add sub mul div truediv floordiv mod pow eq ne
    lt le gt ge idxmax idxmin mode skew kurt sem info memory_usage transpose reshape ravel flatten squeeze swapaxes
    nonzero take repeat item ptp trace diagonal conj searchsorted cat dt str len lazy collect join_asof
    """
)
# The values of these never share parts with what they were called on.
_NEW_METHODS = _words(
    """
    count index isalpha isdigit startswith endswith upper lower strip title format isoformat total_seconds mean median
    std var min max all any nunique corr describe value_counts to_string item tolist copy sum strftime bit_length hex
    total timestamp weekday encode decode argmax argmin idxmax idxmin
    """
)
# By module and, for some, what is pure in it.
_PURE_MODULES = _words(
    """
    math cmath statistics json re itertools functools operator collections datetime decimal fractions string textwrap
    copy typing dataclasses enum bisect heapq hashlib base64 struct unicodedata calendar colorsys html difflib pprint
    types abc numbers keyword urllib.parse numpy pandas polars scipy sympy
    """
)
_NOT_PURE = _words(
    """
    random seed set_printoptions set_option reset_option option_context put place copyto fill_diagonal shuffle save
    savez savetxt tofile seterr heapify heappush heappop heapreplace heappushpop insort insort_left insort_right
    set_Config load loads_object init_printing to_csv to_pickle to_sql to_parquet to_excel to_json test
    """
)
_PURE_BUILTINS = _words(
    """
    abs all any ascii bin bool bytes callable chr complex dict divmod enumerate filter float format frozenset getattr
    hasattr hash hex id int isinstance issubclass len list map max min oct ord pow print range repr reversed round set
    slice sorted str sum tuple type zip display
    """
)
# Of these, those which go through what they are given.
_CONSUMING = _words("all any bytes dict enumerate filter frozenset list map max min set sorted sum tuple zip")
_NEW_BUILTINS = _words(
    "abs all any ascii bin bool bytes callable chr complex divmod float format hash hex id int isinstance issubclass "
    "len oct ord pow print range repr round str"
)
_ITERATORS = _words("enumerate filter iter map open reversed zip")
_CONTAINERS = _words("list dict set bytearray sorted defaultdict Counter OrderedDict deque")
_WORLDLY_MODULES = _words(
    "os shutil pathlib subprocess sqlite3 tempfile glob io socket urllib requests httpx duckdb pickle shelve csv"
)
_WORLDLY_METHODS = _words(
    "write writelines write_text write_bytes read_text read_bytes mkdir unlink rmdir touch rename execute executemany "
    "commit savefig save to_csv to_pickle to_sql to_parquet to_excel to_json to_html dump read_csv read_json "
    "read_parquet read_excel read_sql read_pickle load loadtxt genfromtxt fromfile urlopen"
)
# Parts of modules that only compute which do more.
_PARTS = ("numpy.random", "scipy.io", "urllib.request")


class Effect(NamedTuple):
    """What a call may do."""

    changes_target: bool = False
    changes_arguments: bool = False
    consumes: bool = False
    touches_world: bool = False


def is_immutable(kind):
    """Whether nothing can change what a name of that kind stands for."""
    return kind in ("immutable", "pure")


def is_term(kind):
    """Whether Elixir cannot change it."""
    return kind in ("immutable", "pure", "term")


def is_fixed(kind):
    """Whether nothing does so but what says it: modules that only compute, and functions."""
    return kind in ("immutable", "pure", "function") or (
        kind is not None and kind.startswith("module ") and _is_pure_module(kind[7:])
    )


def may_be_used_up(kind):
    """Whether going through it may change it."""
    return kind in (None, "iterator")


def of(node, known):
    """The kind of an expression's value."""
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare)):
        if isinstance(node, ast.Compare):
            return "immutable" if _all_immutable([node.left, *node.comparators], known) else None
        return "immutable"
    if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return "container"
    if isinstance(node, ast.GeneratorExp):
        return "iterator"
    if isinstance(node, ast.Tuple):
        return "immutable" if _all_immutable(node.elts, known) else "container"
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp):
        sides = {of(node.left, known), of(node.right, known)}
        return sides.pop() if len(sides) == 1 and sides <= {"immutable", "container", "frame"} else None
    if isinstance(node, ast.UnaryOp):
        return of(node.operand, known)
    if isinstance(node, ast.IfExp):
        sides = {of(node.body, known), of(node.orelse, known)}
        return sides.pop() if len(sides) == 1 else None
    if isinstance(node, ast.Lambda):
        return "function"
    if isinstance(node, ast.Call):
        return _of_call(node, known)
    return None


def _of_call(node, known):
    function = node.func
    if isinstance(function, ast.Name) and function.id not in known:
        if function.id in _CONTAINERS:
            return "container"
        if function.id in _ITERATORS:
            return "iterator"
        if function.id in (
            "int",
            "float",
            "str",
            "bool",
            "len",
            "repr",
            "range",
            "complex",
            "bytes",
            "ord",
            "chr",
        ):
            return "immutable"
    if isinstance(function, ast.Attribute):
        base = function.value
        if isinstance(base, ast.Name) and known.get(base.id) in ("module math", "module statistics"):
            return "immutable"
        if of(base, known) == "immutable":
            return "container" if function.attr in ("split", "splitlines", "rsplit") else "immutable"
        if of(base, known) == "frame" and function.attr in PURE_METHODS:
            return None
    return None


def _all_immutable(nodes, known):
    return all(of(node, known) == "immutable" for node in nodes)


def imported(module, name):
    """The kind of what `from module import name` binds."""
    if module in ("math", "statistics") or (_is_pure_module(module) and module in ("json", "re", "operator")):
        return "pure" if name not in _NOT_PURE else None
    return None


def call(node, known, local):
    """What a call may do."""
    function = node.func
    if isinstance(function, ast.Name):
        return _call_name(function.id, known, local)
    if not isinstance(function, ast.Attribute):
        return Effect(True, True, touches_world=False)
    name = function.attr
    in_place = any(keyword.arg in ("inplace", "out", None) for keyword in node.keywords)
    worldly = name in _WORLDLY_METHODS
    module = _module_of(function.value, known)
    if module is not None:
        pure = _is_pure_module(module) and name not in _NOT_PURE and not in_place
        world = worldly or (module.partition(".")[0] in _WORLDLY_MODULES and module != "urllib.parse")
        return Effect(not pure, not pure, consumes=pure, touches_world=world)
    kind = of(function.value, known)
    if in_place:
        return Effect(True, True, touches_world=worldly)
    if kind == "immutable":
        return Effect(consumes=True)
    plain = kind in ("container", "term")
    if name in MUTATORS or (not plain and name not in PURE_METHODS):
        # What takes something in does not change it, in a container of builtins.
        return Effect(True, not plain, consumes=True, touches_world=worldly)
    return Effect(consumes=True, changes_arguments=kind is None and bool(_functions(node, known)))


def _functions(node, known):
    """Arguments that may be called."""
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    return [
        v
        for v in values
        if isinstance(v, ast.Name) and known.get(v.id) not in ("immutable", "container", "pure")
    ]


def _call_name(name, known, local):
    kind = known.get(name)
    if name not in known and name not in local:
        if name in _PURE_BUILTINS:
            return Effect(consumes=name in _CONSUMING)
        if name == "next":
            return Effect(changes_arguments=True)
        world = name in ("open", "exec", "eval", "input")
        return Effect(changes_target=not hasattr(builtins, name), changes_arguments=True, touches_world=world)
    if kind == "pure":
        return Effect(consumes=True)
    # A function of the session's own keeps nothing to itself, but for what it reads of the names around it.
    return Effect(changes_target=kind not in ("function", "class"), changes_arguments=True)


def gives_new(node, known):
    """Whether a call's value shares nothing with what it was given."""
    function = node.func
    if isinstance(function, ast.Name):
        return (function.id in _NEW_BUILTINS and function.id not in known) or known.get(function.id) == "pure"
    if isinstance(function, ast.Attribute):
        if _module_of(function.value, known) in ("math", "statistics", "json"):
            return True
        kind = of(function.value, known)
        return kind == "immutable" or (
            function.attr in _NEW_METHODS and kind is not None and kind != "container"
        )
    return False


def _module_of(node, known):
    """The module that an expression stands for, as far as names tell."""
    path = []
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    kind = known.get(node.id) if isinstance(node, ast.Name) else None
    if kind is None or not kind.startswith("module "):
        return None
    name = ".".join([kind[7:], *reversed(path)])
    # `np.random`, but `pd.DataFrame` is a class.
    return name if not path or path[-1].islower() else None


def _is_pure_module(name):
    if any(name == part or name.startswith(f"{part}.") for part in _PARTS):
        return False
    return name in _PURE_MODULES or name.partition(".")[0] in ("numpy", "pandas", "polars", "scipy", "sympy")


def of_object(value):
    """The kind of an object, by its exact type; looks into nothing else."""
    kind = type(value)
    if kind in _IMMUTABLE:
        return "immutable"
    if kind in (tuple, frozenset):
        return (
            "immutable"
            if len(value) < 1000 and all(type(item) in _IMMUTABLE for item in value)
            else "container"
        )
    if kind in (list, dict, set, bytearray):
        return "container"
    if kind is types.ModuleType:
        return f"module {types.ModuleType.__getattribute__(value, '__name__')}"
    if kind.__module__ in ("collections",):
        return "container"
    if kind.__module__ in ("datetime", "decimal", "fractions", "uuid"):
        return "immutable"
    if kind.__module__.partition(".")[0] in ("numpy", "pandas", "polars"):
        return "frame"
    if kind is types.BuiltinFunctionType and kind.__module__ == "math":
        return "pure"
    return "iterator" if hasattr(kind, "__next__") else None
