"""Whether an answer makes a program; how it compares with the right one is the product's own
`model_runtime.evaluation`.
"""

import ast
import warnings


def parses(program: str) -> bool:
    """Whether `program` is valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
