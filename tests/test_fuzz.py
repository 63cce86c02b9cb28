"""A little of `python -m benchmarks faults fuzz`: nonsense is read or refused in a sentence."""

import pytest

from benchmarks.faults.fuzz import fuzz
from benchmarks.faults.readers import READERS
from mac_control import InputError
from mac_control.teleop.mapping_file import parse_mapping
from mac_control.teleop.messages import refusal


@pytest.mark.parametrize("name", READERS)
def test_nonsense_is_read_or_refused_in_a_sentence(name, tmp_path):
    reader = READERS[name](tmp_path)
    try:
        figures = fuzz(reader, max(10, READERS[name].count // 250))
    finally:
        reader.close()
    assert figures["cases"] >= 10 and figures["faults"] == {}


@pytest.mark.parametrize("table", [{"axis": -1}, {"hold": None}, {"modes": 3}])
def test_a_table_where_a_list_belongs_is_one_sentence(table):
    with pytest.raises(InputError, match="expected a list"):
        parse_mapping(table, 9)


def test_half_an_address_is_refused():
    assert refusal("/ws", {"Host": "[::1"}, "127.0.0.1", None) is not None
