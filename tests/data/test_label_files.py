"""Labels from CSV files: how images are named, what labels are called, what is refused."""

import warnings

import numpy as np
import pytest

from scratchclust import data
from scratchclust.errors import InputError

PATHS = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png")


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "image,label\ncat/1.png,a\ndog/1.png,b\ndog/3.png,a\n",
        "\ufeffimage,label\r\ncat/1.png,a\r\ndog/1.png,b\r\n3.png,a\r\n",  # as Excel saves it
        "Label;Score;File\na;0.5;cat/1.png\nb;0.1;./dog/1.png\na;;3\n",
        "dog/3.png\ta\ncat\\1.png\ta\ndog/1.png\tb\n",  # without a first line
        'image,label\n"cat/1.png"," a "\n\ndog/1.png,b\ndog/3.png,a\n3.png,a\n',
    ],
    ids=["plain", "excel", "other columns", "no first line", "quotes and repetition"],
)
def test_labels_are_found_by_path_or_by_a_name_that_one_picture_has(tmp_path, text):
    labels, names = data.read_labels(written(tmp_path, text), PATHS)
    assert (labels.tolist(), labels.dtype, names) == ([0, -1, 1, 0], np.int32, ("a", "b"))


def test_the_name_of_the_folder_may_stand_in_front(tmp_path):
    path = written(tmp_path, "image,label\nown/a/1.png,x\nown/2.png,y\nb/1.png,z\nc/2.png,w\n")
    paths = ["a/1.png", "2.png", "b/1.png", "1.png"]
    with pytest.warns(UserWarning, match="1 of 4 rows name none of the images, first 'c/2.png'"):
        labels, names = data.read_labels(path, paths, folder="own")
    assert names == ("x", "y", "z")
    assert labels.tolist() == [0, 1, 2, -1]
    with pytest.warns(UserWarning, match="3 of 4 rows name none of the images"):
        data.read_labels(path, paths)


def test_a_folder_within_one_of_its_name(tmp_path):
    path = written(tmp_path, "image,label\na/1.png,x\na/a/2.png,y\n")
    labels, _ = data.read_labels(path, ["a/1.png", "a/2.png"], folder="a")
    assert labels.tolist() == [0, 1]


def test_numbers_are_in_natural_order_and_empty_labels_are_unknown(tmp_path):
    text = "image,label\n2.png,10\n3.png,9\ncat/1.png,\n"
    labels, names = data.read_labels(written(tmp_path, text), PATHS)
    assert (labels.tolist(), names) == ([-1, 1, -1, 0], ("9", "10"))


def test_images_of_an_array_are_called_by_their_numbers(tmp_path):
    path = written(tmp_path, "image,label\n3,x\n0,y\n1,x\n")
    labels, names = data.read_labels(path, 5)
    assert (labels.tolist(), names) == ([1, 0, -1, 0, -1], ("x", "y"))


def test_names_in_any_script_with_newlines_commas_and_quotes(tmp_path):
    paths = ("猫/каt.png", "a\nb.png", 'say "x", y.png')
    path = written(tmp_path, 'image,label\n猫/каt.png,猫\n"a\nb.png",犬\n"say ""x"", y.png",猫\n')
    labels, names = data.read_labels(path, paths)
    assert [names[label] for label in labels] == ["猫", "犬", "猫"]


def test_rows_of_no_image_are_counted(tmp_path):
    path = written(tmp_path, "image,label\n1.png,a\n2.png,b\nelsewhere.png,c\n")
    with pytest.warns(UserWarning, match=r"2 of 3 rows name none .* first '1.png' in line 2"):
        labels, names = data.read_labels(path, PATHS)  # two pictures are called 1.png
    assert (labels.tolist(), names) == ([-1, 0, -1, -1], ("b",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"expected a first line with the columns image and label, got nothing"),
        ("image,label\n", r"holds no labels: expected lines of an image and its label"),
        ("a,b,c\n1,2,3\n", r"columns image and label, got a, b, c"),
        ("image,label\n7.png,a\n", r"none of its 1 rows names an image, expected 'cat/1.png' and"),
        ("image,label\n2.png,a\ncat/2.png,b\n", r"the label 'a' in line 2 and 'b' in line 3"),
        ('image,label\n"2.png,a\n', r"is no CSV file \(unexpected end of data\)"),
    ],
)
def test_refusals(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        data.read_labels(written(tmp_path, text), PATHS)
    assert "labels.csv" in str(caught.value)


def test_what_is_no_text_or_no_file(tmp_path):
    with pytest.raises(InputError, match=r"is no UTF-8 text: save it as CSV in UTF-8"):
        data.read_labels(written(tmp_path, "image,label\n2.png,é\n", "latin-1"), PATHS)
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match=r"cannot be read \(.*\): give a CSV file with"):
            data.read_labels(path, PATHS)


def test_a_run_of_ours_is_read_too(tmp_path):
    path = written(tmp_path, "image,label,cluster,x\ncat/1.png,b,3,0.5\ncat/2.png,,1,0.5\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels, names = data.read_labels(path, PATHS)
    assert (labels.tolist(), names) == ([0, -1, -1, -1], ("b",))
