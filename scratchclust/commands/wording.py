"""Messages of the library in words of the command line; this is the only place that knows both.

The library names an argument as `limit=150`, or `limit=` alone; here that becomes `--limit 150`.
Names stand free in the sentence, so that nothing within a path is touched.
"""

import re

OPTIONS = {  # an argument of the library -> the option that sets it
    "seed": "--seed",
    "limit": "--limit",
    "split": "--split",
    "full": "--full",
    "scan": "--scan",
    "epochs": "--epochs",
    "data": "--data",
    "size": "--size",
    "fit": "--fit",
    "strict": "--strict",
    "weights": "--weights",
    "classes": "--digits",
    "method": "--method",
    "reduce": "--reduce",
    "precision": "--precision",
    "clusters": "--clusters",
    "features": "--features",
    "labels": "--labels",
    "sort_into": "--sort-into",
    "how": "--how",
    "output": "--output",
    "resume": "--resume",
    "overwrite": "--overwrite",
    "device": "--device",
    "coordinator": "--coordinator",
    "processes": "--processes",
    "process": "--process",
}
_MORE_IMAGES = "give more images, or take --method dbscan, which finds the number of clusters"
CURES = {  # of the library's calls, which have no place on a command line
    "load without strict": "leave --strict out",
    "ask for fewer clusters": _MORE_IMAGES,
    "choose fewer clusters": _MORE_IMAGES,
    "give eps, any number above 0 will do": "give --method dbscan:EPS, any EPS above 0 will do",
    "call fit(images, labels)": "give images in folders of their classes",
}
_VALUE = r"'[^'\n]*'|\"[^\"\n]*\"|[\w+-]+(?:[:,][\w+-]+)*"
# Not within a path: folders may well be called split=train.
_ARGUMENT = re.compile(rf"(?<![^\s(])({'|'.join(OPTIONS)})=({_VALUE})?(?=[\s,;:)]|$)")


def in_options(message: str) -> str:
    """The message with the command line's options in the place of Python's arguments and calls."""
    message = _ARGUMENT.sub(_as_option, message)
    for call, cure in CURES.items():
        message = message.replace(call, cure)
    return message


def _as_option(found: re.Match[str]) -> str:
    name, value = found.groups()
    if value in (None, "True"):
        return OPTIONS[name]
    quoted = value[1:-1] if value[0] in "'\"" else value
    return f"{OPTIONS[name]} {quoted}"
