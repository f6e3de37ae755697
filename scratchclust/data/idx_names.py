"""What the labels of the well-known sets in IDX format are called."""

from pathlib import Path

# torchvision's folders, by the name that TensorFlow Datasets uses.
# of folders, in small letters, without - and _; "fashion" is that of the set's own repository
FOLDER_NAMES = {
    "mnist": "mnist",
    "fashionmnist": "fashion_mnist",
    "fashion": "fashion_mnist",
    "kmnist": "kmnist",
}
DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# small letters that look like their capitals are these
MERGED = (*DIGITS, *LETTERS, *"abdefghnqrt")
LABEL_NAMES = {
    "mnist": DIGITS,
    "fashion_mnist": GARMENTS,
    "qmnist": DIGITS,
    "emnist-mnist": DIGITS,
    "emnist-digits": DIGITS,
    "emnist-letters": ("none", *LETTERS),  # its labels begin at 1
    "emnist-balanced": MERGED,
    "emnist-bymerge": MERGED,
    "emnist-byclass": (*DIGITS, *LETTERS, *map(str.lower, LETTERS)),
}
# by the folder's name: a larger label is damage
N_CLASSES = {"mnist": 10, "fashion_mnist": 10, "kmnist": 10}


def read_mapping(path: Path) -> tuple[str, ...] | None:
    """The names of the labels as EMNIST has them: in each line a label and the codes of letters.

    None if there is no such file, or it does not say that.
    """
    try:
        rows = [
            [int(word) for word in line.split()]
            for line in path.read_text(encoding="ascii").splitlines()
            if line
        ]
        names = {row[0]: chr(row[1]) for row in rows}
        return (
            tuple(names.get(label, "none") for label in range(max(names) + 1))
            if min(names) >= 0
            else None
        )
    except (OSError, ValueError, IndexError):
        return None
