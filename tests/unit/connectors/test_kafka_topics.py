"""Topics: the settings of an output made like its inputs, and what an existing one would do to records."""

from __future__ import annotations

import pytest
from aura_connectors.kafka.topics import check_partitions, harm, output_like

from aura_stream.errors import ConfigError
from aura_stream.model import Topic


def settings(**named: str) -> dict[str, str]:
    return {name.replace("_", "."): value for name, value in named.items()}


def test_an_output_has_the_settings_of_its_input_and_its_own_kind_of_timestamps() -> None:
    source = Topic("in", 3, settings(retention_ms="5", cleanup_policy="compact", replication_factor="2", other="x"))
    output = output_like("out", [source], None, None)
    assert (output.name, output.partitions) == ("out", 3)
    assert output.settings == settings(
        retention_ms="5", cleanup_policy="compact", replication_factor="2", message_timestamp_type="CreateTime"
    ) | {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}


def test_an_output_of_several_inputs_has_the_widest_settings() -> None:
    one = Topic("one", 3, settings(retention_ms="5", retention_bytes="-1", cleanup_policy="compact"))
    two = Topic("two", 4, settings(retention_ms="10", retention_bytes="9", cleanup_policy="delete"))
    output = output_like("out", [one, two, Topic("a-stream")], 8, 3)
    assert output.partitions == 8
    kept = ("retention.ms", "retention.bytes", "cleanup.policy", "replication.factor")
    assert [output.settings[name] for name in kept] == ["10", "-1", "delete", "3"]


def test_an_output_of_something_else_than_kafka_has_no_settings_but_ours() -> None:
    assert set(output_like("out", [Topic("stream")], None, None).settings) == {
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
    }


@pytest.mark.parametrize(
    ("output", "source", "warning"),
    [
        ({"retention_ms": "86400000"}, {"retention_ms": "172800000"}, "keeps records for 1 days, in for 2 days"),
        ({"retention_ms": "86400000"}, {"retention_ms": "-1"}, "in for ever"),
        ({"cleanup_policy": "compact"}, {"cleanup_policy": "delete"}, "is compacted, in is not"),
        ({"message_timestamp_type": "LogAppendTime"}, {}, "lose their timestamps"),
        ({"max_message_bytes": "5"}, {"max_message_bytes": "6"}, "smaller max.message.bytes"),
    ],
)
def test_what_an_output_would_do_to_records_is_told(
    output: dict[str, str], source: dict[str, str], warning: str
) -> None:
    (told,) = harm(Topic("out", 1, settings(**output)), Topic("in", 1, settings(**source)))
    assert told.startswith("output topic out ")
    assert warning in told


def test_an_output_like_its_input_does_no_harm() -> None:
    same = settings(retention_ms="86400000", cleanup_policy="compact", max_message_bytes="6")
    assert harm(Topic("out", 1, same), Topic("in", 1, same)) == []
    assert harm(Topic("out", 1, settings(retention_ms="1")), Topic("stream")) == []


def test_an_output_needs_as_many_partitions_as_its_input() -> None:
    check_partitions(Topic("out", 3), Topic("in", 3))
    with pytest.raises(ConfigError, match="out has 2 partitions, input in has 3"):
        check_partitions(Topic("out", 2), Topic("in", 3))
