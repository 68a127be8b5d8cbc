"""A mistake in the configuration is named with its place and its remedy; what is right becomes a Config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from aura_stream.config import Config, ConnectorModels, Duration, json_schema, load_config, parse_config
from aura_stream.errors import ConfigError


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str
    password: SecretStr


class Input(BaseModel):
    """Reads a queue."""

    model_config = ConfigDict(extra="forbid")

    url: str = "queue://localhost"
    topics: Annotated[list[str], Field(min_length=1)]
    wait: Duration = 5.0
    login: Login | None = None


class Output(BaseModel):
    """Writes a queue."""

    model_config = ConfigDict(extra="forbid")

    topic: str = "{source}.aura"


CONNECTORS = {"queue": ConnectorModels(Input, Output), "pipe": ConnectorModels(Output, Output)}

GOOD = """\
namespace: orders
input:
  queue:
    topics: [orders.raw]
output:
  queue: {topic: out}
store: {memory: {}}
"""


def parse(text: str, environ: Mapping[str, str] | None = None, flags: Sequence[tuple[str, str]] = ()) -> Config:
    return parse_config(text, "aura.yaml", CONNECTORS, environ or {}, flags)


def mistakes(text: str, environ: Mapping[str, str] | None = None, flags: Sequence[tuple[str, str]] = ()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ, flags)
    return str(caught.value).splitlines()


def input_of(config: Config) -> Input:
    options = config.input.options
    assert isinstance(options, Input)
    return options


def test_a_good_file_becomes_a_config_with_defaults() -> None:
    config = parse(GOOD)
    assert config.input.connector == "queue"
    assert input_of(config).topics == ["orders.raw"]
    assert (config.codec.direction, config.codec.check_bytes, config.codec.raw) == ("encode", 1, "plain")
    assert config.codec.destination is None
    assert config.delivery == "at_least_once"
    assert config.startup_timeout == 30.0


def test_a_mapping_without_a_key_is_an_empty_one() -> None:
    config = parse(GOOD.replace("queue: {topic: out}", "pipe:").replace("{memory: {}}", "{memory: }"))
    assert config.output.connector == "pipe"
    assert config.store.memory is not None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("topics:", "topcis:"), "aura.yaml:4:5: unknown key topcis in input.queue; did you mean topics?"),
        (("namespace:", "namspace:"), "aura.yaml:1:1: unknown key namspace; did you mean namespace?"),
        (("queue: {topic", "quee: {topic"), "aura.yaml:6:3: unknown key quee in output; did you mean queue?"),
        (("topic: out", "xyz: 1"), "aura.yaml:6:11: unknown key xyz in output.queue; known are topic"),
        (("[orders.raw]", "orders.raw"), "aura.yaml:4:5: input.queue.topics: input should be a valid list"),
        (("[orders.raw]", "[a, 5]"), "aura.yaml:4:17: input.queue.topics[1]: input should be a valid string"),
        (("store: {memory: {}}", ""), "aura.yaml:1:1: store is missing"),
        (("{memory: {}}", "{}"), "aura.yaml:7:1: store: name exactly one store: file or memory"),
        (
            ("queue: {topic: out}", "queue: {}\n  pipe: {}"),
            "aura.yaml:5:1: output: name exactly one connector: pipe, queue",
        ),
        (("queue: {topic: out}", ""), "aura.yaml:5:1: output: name exactly one connector: pipe, queue"),
        (("{memory: {}}", "5"), "aura.yaml:7:1: store: expected a mapping of keys to values"),
        (("orders\n", "or ders\n"), "aura.yaml:1:1: namespace: string should match pattern '^[A-Za-z0-9._-]{1,100}$'"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: tuple[str, str], line: str) -> None:
    assert line in mistakes(GOOD.replace(*change))


def test_every_mistake_has_a_line_of_its_own() -> None:
    lines = mistakes(GOOD + "codec: {chek_bytes: 1, direction: up}\nbatch: {max_bytes: 1 parsec}\n")
    assert [line.split(" ")[0] for line in lines] == ["aura.yaml:8:24:", "aura.yaml:8:9:", "aura.yaml:9:9:"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1", "aura.yaml:1:6: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\na: 2", "aura.yaml:2:1: a is there twice"),
        ("[a]", "aura.yaml:1:1: expected a mapping of keys to values"),
        ("? [a]\n: 1", "aura.yaml:1:3: a key must be a word"),
        ("a: 2024-13-45", "aura.yaml:1:4: not a value; put it in quotes"),
        ("a: !!python/object:os.system x", "aura.yaml:1:4: could not determine a constructor for the tag"),
        ("a: &a [*a]", "aura.yaml:1:4: nested too deeply, or too many aliases"),
        ("a: \x01", "aura.yaml:1:1: not YAML text: a character that cannot be printed"),
    ],
)
def test_what_is_no_document_is_named_with_its_place(text: str, line: str) -> None:
    (only,) = mistakes(text)
    assert only.startswith(line)


def test_aliases_of_aliases_end() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "too many aliases" in mistakes(bomb)[0]


@pytest.mark.parametrize(
    "later",
    [
        "discovery: {group: g}",
        "dead_letter: {topic: d}",
        "http: {listen: x}",
        "telemetry: {otlp: x}",
        "delivery: exactly_once",
    ],
)
def test_a_key_of_a_later_part_is_refused_in_one_line(later: str) -> None:
    (line,) = mistakes(GOOD + later)
    assert line.startswith("aura.yaml:8:1: ")
    assert "not built yet" in line


@pytest.mark.parametrize("later", ["redis: {url: 'redis://h'}", "memory: {}, mirror: ./m", "memory: {}, journal: {}"])
def test_a_store_of_a_later_part_is_refused_in_one_line(later: str) -> None:
    (line,) = mistakes(GOOD.replace("memory: {}", later))
    assert line.startswith("aura.yaml:7:")
    assert "not built yet" in line


class TestVariables:
    def test_a_variable_takes_its_value_after_parsing(self) -> None:
        config = parse(GOOD.replace("{topic: out}", '{topic: "${TOPIC}"}'), {"TOPIC": "x: [not yaml], ${NOT} #"})
        assert config.output.options.model_dump() == {"topic": "x: [not yaml], ${NOT} #"}

    def test_the_default_stands_where_the_variable_is_not_set(self) -> None:
        text = GOOD.replace("topics:", 'url: "${URL:queue://other:9092/0}"\n    topics:')
        assert input_of(parse(text)).url == "queue://other:9092/0"
        assert input_of(parse(text, {"URL": "queue://set"})).url == "queue://set"

    def test_a_missing_one_without_default_is_named(self) -> None:
        (line,) = mistakes(GOOD.replace("out}", "${TOPIC}}").replace("topic: ${TOPIC}", 'topic: "${TOPIC}"'))
        assert line == "aura.yaml:6:11: environment variable TOPIC is not set, and no default is given"

    def test_numbers_and_lists_can_come_from_variables(self) -> None:
        text = GOOD.replace("[orders.raw]", "${TOPICS}") + 'codec: {check_bytes: "${CHECK:2}"}'
        config = parse(text, {"TOPICS": "[a, b]"})
        assert input_of(config).topics == ["a", "b"]
        assert config.codec.check_bytes == 2

    def test_two_dollars_stand_for_one(self) -> None:
        assert parse(GOOD.replace("out}", '"$${x}"}')).output.options.model_dump() == {"topic": "${x}"}

    def test_a_brace_that_begins_no_variable_is_a_mistake(self) -> None:
        assert "begins no variable" in mistakes(GOOD.replace("out}", '"${1}"}'))[0]


class TestEnvironment:
    def test_it_goes_before_the_file_and_flags_before_both(self) -> None:
        environ = {"AURA_CODEC__CHECK_BYTES": "2", "AURA_NAMESPACE": "env"}
        config = parse(GOOD + "codec: {check_bytes: 4}", environ, [("namespace", "flag")])
        assert (config.codec.check_bytes, config.namespace) == (2, "flag")

    def test_it_reaches_into_connectors(self) -> None:
        environ = {"AURA_INPUT__QUEUE__TOPICS": "[a, b]", "AURA_INPUT__QUEUE__LOGIN__USER": "me"}
        config = parse(GOOD, environ | {"AURA_INPUT__QUEUE__LOGIN__PASSWORD": "[not a list"})
        login = input_of(config).login
        assert input_of(config).topics == ["a", "b"]
        assert login is not None
        assert (login.user, login.password.get_secret_value()) == ("me", "[not a list")

    def test_a_mistake_in_it_names_the_variable(self) -> None:
        assert mistakes(GOOD, {"AURA_CODEC__CHEK_BYTES": "1"}) == [
            "environment variable AURA_CODEC__CHEK_BYTES: unknown key chek_bytes in codec; did you mean check_bytes?"
        ]
        assert mistakes(GOOD, {"AURA_NAMESPCE__X": "1"}) == [
            "environment variable AURA_NAMESPCE__X: unknown key; did you mean AURA_NAMESPACE__X?"
        ]
        assert mistakes(GOOD, {"AURA_INPUT__QUEUE__TOPICS": "[a"}) == [
            "environment variable AURA_INPUT__QUEUE__TOPICS: "
            "input.queue.topics takes a list or a mapping, as YAML writes it in one line"
        ]
        assert mistakes(GOOD, {"AURA_NAMESPACE__X": "1"}) == [
            "environment variable AURA_NAMESPACE__X: namespace is no mapping in aura.yaml"
        ]

    @pytest.mark.parametrize("text", ["2024-13-45", "[2024-13-45]", "[" * 3000], ids=["date", "dates", "nested"])
    def test_what_breaks_the_yaml_parser_is_a_mistake(self, text: str) -> None:
        (line,) = mistakes(GOOD, {"AURA_INPUT__QUEUE__TOPICS": text})
        assert "takes a list or a mapping" in line
        (line,) = mistakes(GOOD.replace("[orders.raw]", '"${TOPICS}"'), {"TOPICS": text})
        assert line.startswith("aura.yaml:4:5: input.queue.topics: ")

    @pytest.mark.parametrize("later", ["DISCOVERY__GROUP", "DEAD_LETTER__TOPIC", "HTTP__LISTEN", "TELEMETRY__OTLP"])
    def test_a_key_of_a_later_part_is_refused_here_too(self, later: str) -> None:
        (line,) = mistakes(GOOD, {f"AURA_{later}": "x"})
        assert line.startswith(f"environment variable AURA_{later}: ")
        assert "not built yet" in line

    def test_variables_of_others_are_left_alone(self) -> None:
        parse(GOOD, {"AURA_STREAM_SERVICE_HOST": "10.0.0.1", "AURA_TEST_KAFKA": "h:1", "PATH": "/bin"})

    def test_a_flag_may_name_a_connector(self) -> None:
        config = parse(GOOD.replace("output:\n  queue: {topic: out}\n", ""), {}, [("output.pipe.topic", "p")])
        assert config.output.connector == "pipe"


class TestSecrets:
    LOGIN = GOOD.replace("topics:", "login: {user: me, password: %s}\n    topics:")

    @pytest.mark.parametrize("password", ["hunter2", '"${PW:hunter2}"', '"${PW}hunter2"', '"$${PW}"'])
    def test_a_secret_in_the_file_is_refused_and_not_shown(self, password: str) -> None:
        (line,) = mistakes(self.LOGIN % password, {"PW": "hunter2"})
        assert line.startswith("aura.yaml:4:23: input.queue.login.password is a secret: write ${PASSWORD} there")
        assert "hunter2" not in line

    def test_a_secret_from_a_variable_is_taken_and_not_shown(self) -> None:
        config = parse(self.LOGIN % '"${PW}"', {"PW": "hunter2"})
        login = input_of(config).login
        assert login is not None
        assert login.password.get_secret_value() == "hunter2"
        assert "hunter2" not in repr(config) + str(config)

    @pytest.mark.parametrize(
        ("url", "refused"),
        [
            ("queue://me:hunter2@host/0", True),
            ("queue://:hunter2@host", True),
            ("queue://me:${PW:hunter2}@host", True),
            ("queue://me:${PW}@host:9092", False),
            ("queue://me:${PW:}@host:9092", False),
            ("queue://${USER:me}:${PW}@${HOST:host}:9092", False),
            ("queue://host:9092/path@x", False),
            ("queue://me@host", False),
        ],
    )
    def test_a_password_in_a_url_comes_from_a_variable(self, url: str, refused: bool) -> None:
        text = GOOD.replace("topics:", f'url: "{url}"\n    topics:')
        if not refused:
            parse(text, {"PW": "hunter2"})
            return
        (line,) = mistakes(text, {"PW": "hunter2"})
        assert line.startswith("aura.yaml:4:5: input.queue.url holds a password: write ${URL} there")
        assert "hunter2" not in line

    @pytest.mark.parametrize(
        "flag", [("input.queue.login.password", "hunter2"), ("input.queue.url", "queue://me:hunter2@host")]
    )
    def test_a_secret_on_the_command_line_is_refused(self, flag: tuple[str, str]) -> None:
        (line,) = mistakes(GOOD, {}, [flag])
        assert line == f"--set {flag[0]}: secrets come from the environment only"

    def test_no_mistake_shows_a_value(self) -> None:
        lines = mistakes(GOOD, {"AURA_INPUT__QUEUE__LOGIN": "{user: [hunter2], password: [hunter2]}"})
        assert len(lines) == 2
        assert "hunter2" not in "".join(lines)


def test_connectors_that_are_not_named_are_not_looked_up() -> None:
    class Lazy(dict[str, ConnectorModels]):
        def __missing__(self, name: str) -> ConnectorModels:
            raise AssertionError(name)

    lazy = Lazy(queue=CONNECTORS["queue"])
    parse_config(GOOD, "aura.yaml", lazy, {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file or directory"):
        load_config(tmp_path / "none.yaml", CONNECTORS, {})
    (tmp_path / "latin.yaml").write_bytes(b"namespace: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8 text, at byte 11"):
        load_config(tmp_path / "latin.yaml", CONNECTORS, {})
    (tmp_path / "good.yaml").write_text(GOOD)
    assert load_config(tmp_path / "good.yaml", CONNECTORS, {}).namespace == "orders"


def test_the_schema_knows_every_connector_and_forbids_other_keys() -> None:
    schema = json_schema(CONNECTORS)
    assert schema["additionalProperties"] is False
    sides = [set(model["properties"]) for model in schema["$defs"].values()]
    assert sides.count({"queue", "pipe"}) == 2
    assert {"url", "topics", "wait", "login"} in sides
    assert schema["properties"]["startup_timeout"]["type"] == "string"
