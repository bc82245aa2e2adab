"""Read and write YAML 1.2, as DVC does, with PyYAML, whose own rules are those of YAML 1.1."""

import re
from functools import lru_cache
from typing import Any

import yaml

# Raised for invalid YAML; LookupError for an unknown tag, RecursionError for deep nesting.
NO_YAML = (yaml.YAMLError, ValueError, LookupError, RecursionError)

TAG = "tag:yaml.org,2002:"
PLAIN = (  # unquoted values: tag, pattern, and possible first characters
    ("bool", "(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", "(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("float", r"([-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9_]+([eE][-+][0-9]+)?"
              r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$", "-+0123456789."),
    ("int", "[-+]?([0-9_]+|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)$", "-+0123456789"),
    ("merge", "(<<|=)$", "<="),  # merge and timestamp have no constructor: they are refused
    ("timestamp", r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?$", "0123456789"),
)  # fmt: skip


class Reader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML ships no types
    """PyYAML's reader with the rules of PLAIN. It refuses duplicate keys, and keys that are lists or mappings."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  PyYAML reads this attribute of the class
    yaml_constructors: dict[Any, Any] = {None: yaml.CSafeLoader.construct_undefined}  # noqa: RUF012  PyYAML reads it, too

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping. Raises ConstructorError if a key occurs twice, or is a list or a mapping."""
        keys = set[Any]()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key_node, yaml.ScalarNode):
                self.construct_undefined(key_node)  # raises
            if (key := self.construct_object(key_node)) in keys:
                twice = f'found duplicate key "{str(key)[:40]}"'
                raise yaml.constructor.ConstructorError(None, None, twice, key_node.start_mark)
            keys.add(key)
        return yaml.constructor.BaseConstructor.construct_mapping(self, node, deep=deep)

    def construct_yaml_int(self, node: Any) -> int:
        """Return the integer. A leading zero does not make it octal: 012 is 12. Raises ValueError."""
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, 0 if re.search("[box]", digits) else 10)

    def construct_yaml_float(self, node: Any) -> float:
        """Return the float. Raises ConstructorError for a sexagesimal number such as 1:30."""
        return float(self.construct_undefined(node) if ":" in node.value else super().construct_yaml_float(node))


class Writer(yaml.CSafeDumper):  # type: ignore[misc]  # PyYAML ships no types
    """PyYAML's writer, which quotes texts that the reader would read as another type."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  PyYAML reads this attribute of the class


for kind in ("null", "bool", "int", "float", "str", "seq", "map"):
    Reader.add_constructor(TAG + kind, getattr(Reader, f"construct_yaml_{kind}"))
for kind, pattern, first in PLAIN:
    for side in (Reader, Writer):
        side.add_implicit_resolver(TAG + kind, re.compile(pattern), first)


def parsed(text: str) -> Any:
    """Return the value of a YAML document. Raises one of NO_YAML if the document is invalid."""
    return yaml.load(text, Reader)  # noqa: S506  it constructs only plain values


def as_yaml_text(values: dict[str, Any]) -> str:
    """Return the mapping as YAML in the order of its keys. Lists of plain values are written in flow style: [1, 2]."""
    form = {"default_flow_style": None, "width": 10_000, "sort_keys": False, "allow_unicode": True}
    return str(yaml.dump(values, Dumper=Writer, **form))


@lru_cache(1024)  # the cells of a table repeat
def plain(value: str) -> Any:
    """Return the value of a YAML scalar, such as a number or a word. Raises one of NO_YAML if it is invalid."""
    return parsed(f"a: {value}")["a"]
