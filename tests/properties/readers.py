"""Reads rendered files as Python does: a stack a line on standard input, as JSON. What differs is printed, then how many there were.

The compose file has to be to PyYAML, a reader of YAML 1.1, what it is to ours; a file of Airflow has to be Python, with its texts in it.
"""
import ast
import json
import sys

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def differences(one, other, path):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key, "(absent)"), other.get(key, "(absent)"), f"{path}.{key!r}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (a, b) in enumerate(zip(one, other)):
            yield from differences(a, b, f"{path}[{at}]")
    elif one != other or (type(one) is not type(other) and {type(one), type(other)} != {int, float}):
        yield f"{path}: {one!r} to our reader, {other!r} to PyYAML"


def problems(stack):
    try:
        # The reader in C says nothing of a character that YAML does not have, and the one in Python refuses it.
        found = yaml.load(stack["yaml"], LOADER)
    except yaml.YAMLError as error:
        yield f"PyYAML: {error}\n{stack['yaml']}"
    else:
        yield from differences(stack["value"], found, "")
    for dag in stack["dags"]:
        try:
            tree = ast.parse(dag["text"])
        except (SyntaxError, ValueError) as error:
            yield f"dags/{dag['name']}.py: {error}\n{dag['text']}"
            continue
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        for text in dag["texts"]:
            if text not in texts:
                yield f"dags/{dag['name']}.py has no {text!r}"


count = 0
for line in sys.stdin:
    count += 1
    stack = json.loads(line)
    for problem in problems(stack):
        print(f"STACKGEN_PROPERTY_SEED={stack['seed']}: {problem}")
print(f"{count} stacks")
