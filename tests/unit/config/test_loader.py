"""A mistake in the configuration is named with its place and its remedy; what is right becomes a Config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from aura_stream.config import Config, ConnectorModels, Duration, OptionModels, json_schema, load_config, parse_config
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


class Log(BaseModel):
    """A log that processes share."""

    model_config = ConfigDict(extra="forbid")

    url: str
    password: SecretStr | None = None


CONNECTORS = {"queue": ConnectorModels(Input, Output), "pipe": ConnectorModels(Output, Output)}
MODELS = OptionModels(CONNECTORS, {"redis": Log}, {"queue": Output, "redis": Log})

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
    return parse_config(text, "aura.yaml", MODELS, environ or {}, flags)


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
        (("{memory: {}}", "{}"), "aura.yaml:7:1: store: name exactly one store: file, memory or redis"),
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
        "http: {listen: x}",
        "telemetry: {otlp: x}",
    ],
)
def test_a_key_of_a_later_part_is_refused_in_one_line(later: str) -> None:
    (line,) = mistakes(GOOD + later)
    assert line.startswith("aura.yaml:8:1: ")
    assert "not built yet" in line


class TestStores:
    SHARED = GOOD.replace("{memory: {}}", "{redis: {url: 'r://h'}}")

    @staticmethod
    def with_store(store: str) -> str:
        return GOOD.replace("{memory: {}}", store)

    def test_a_shared_store_has_a_mirror_and_its_journal_beside_the_frames(self) -> None:
        store = parse(self.SHARED).store
        assert store.shared_log is not None
        name, options = store.shared_log
        assert (name, options.model_dump()["url"]) == ("redis", "r://h")
        assert (store.mirror, store.journal, store.require, store.wait) == (Path("mirror"), None, False, 10.0)

    def test_a_file_and_memory_share_nothing(self) -> None:
        assert parse(GOOD).store.shared_log is None
        assert parse(self.with_store("{file: {path: b}}")).store.shared_log is None

    @pytest.mark.parametrize("mirror", ["null", '""', "~"])
    def test_null_switches_the_mirror_off(self, mirror: str) -> None:
        assert parse(self.with_store(f"{{redis: {{url: x}}, mirror: {mirror}}}")).store.mirror is None
        assert parse(self.SHARED, {"AURA_STORE__MIRROR": ""}).store.mirror is None

    def test_a_journal_is_one_of_those_installed(self) -> None:
        store = parse(self.with_store("{redis: {url: x}, journal: {queue: {topic: t}}}")).store
        assert store.journal is not None
        assert (store.journal.chosen, store.journal.options.model_dump()) == ("queue", {"topic": "t"})

    @pytest.mark.parametrize(
        ("store", "line"),
        [
            ("{redis: {url: x}, memory: {}}", "aura.yaml:7:1: store: name exactly one store: file, memory or redis"),
            ("{file: {path: b}, memory: {}}", "aura.yaml:7:1: store: name exactly one store: file, memory or redis"),
            ("{memory: {}, mirror: ./m}", "aura.yaml:7:1: store: mirror goes with a shared store such as redis"),
            ("{file: {path: b}, journal: {redis: {url: x}}}",
             "aura.yaml:7:1: store: journal goes with a shared store such as redis"),
            ("{memory: {}, require: true}", "aura.yaml:7:1: store: require goes with a shared store such as redis"),
            ("{redis: {}}", "aura.yaml:7:9: store.redis.url is missing"),
            ("{reddis: {url: x}, memory: {}}", "aura.yaml:7:9: unknown key reddis in store; did you mean redis?"),
            ("{redis: {url: x, ulr: y}}", "aura.yaml:7:25: unknown key ulr in store.redis; did you mean url?"),
            ("{redis: {url: x}, journal: {}}",
             "aura.yaml:7:26: store.journal: name exactly one journal: queue, redis"),
            ("{redis: {url: x}, journal: {queu: {}, redis: {url: x}}}",
             "aura.yaml:7:36: unknown key queu in store.journal; did you mean queue?"),
            ("{redis: {url: x}, wait: 5}",
             "aura.yaml:7:26: store.wait: expected a duration such as 500ms, 5s, 10m, 24h or 7d"),
        ],
    )  # fmt: skip
    def test_a_mistake_in_it_is_named_with_its_place(self, store: str, line: str) -> None:
        assert line in mistakes(self.with_store(store))

    def test_it_can_come_from_the_environment(self) -> None:
        environ = {"AURA_STORE__REDIS__URL": "r://e", "AURA_STORE__REDIS__PASSWORD": "hunter2"}
        config = parse(GOOD.replace("store: {memory: {}}\n", ""), environ)
        assert config.store.shared_log is not None
        assert config.store.shared_log[1].model_dump()["url"] == "r://e"
        assert "hunter2" not in repr(config)

    def test_a_password_in_its_url_comes_from_a_variable(self) -> None:
        (line,) = mistakes(self.with_store("{redis: {url: 'r://me:hunter2@h'}}"))
        assert line.startswith("aura.yaml:7:17: store.redis.url holds a password: write ${URL} there")
        (line,) = mistakes(self.with_store("{redis: {url: x, password: hunter2}}"))
        assert line.startswith("aura.yaml:7:25: store.redis.password is a secret")

    def test_shared_logs_that_are_not_named_are_not_looked_up(self) -> None:
        class Lazy(dict[str, type[BaseModel]]):
            def __getitem__(self, name: str) -> type[BaseModel]:
                raise AssertionError(name)

        parse_config(GOOD, "aura.yaml", OptionModels(CONNECTORS, Lazy(redis=Log), Lazy(redis=Log)), {})


class TestDiscovery:
    def test_without_a_word_it_learns_carefully(self) -> None:
        options = parse(GOOD).discovery
        assert (options.group, options.sample, options.cpu, options.interval) == ("aura-discovery", 2000, 0.5, 5.0)
        assert (options.memory, options.distinct_messages, options.budget) == (64 * 2**20, 5, 5000)
        assert (options.approve, options.checkpoint) == (False, None)

    def test_every_option_can_be_said(self) -> None:
        text = "discovery: {group: g, sample: 10, cpu: 0.1, memory: 8MiB, interval: 1m, drift: 0.2, budget: 7, approve: true}"
        options = parse(GOOD + text).discovery
        assert (options.group, options.sample, options.cpu, options.interval) == ("g", 10, 0.1, 60.0)
        assert (options.memory, options.drift, options.budget, options.approve) == (8 * 2**20, 0.2, 7, True)

    @pytest.mark.parametrize(
        "mistake", ["cpu: 0", "cpu: 2", "sample: 0", "distinct_messages: 1", "memory: 1kB", "group: 'a b'", "budget: 0"]
    )
    def test_what_cannot_be_is_refused(self, mistake: str) -> None:
        (line,) = mistakes(GOOD + f"discovery: {{{mistake}}}")
        assert line.startswith(f"aura.yaml:8:13: discovery.{mistake.partition(':')[0]}: ")


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

    @pytest.mark.parametrize("later", ["HTTP__LISTEN", "TELEMETRY__OTLP"])
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
    parse_config(GOOD, "aura.yaml", OptionModels(lazy), {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file or directory"):
        load_config(tmp_path / "none.yaml", MODELS, {})
    (tmp_path / "latin.yaml").write_bytes(b"namespace: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8 text, at byte 11"):
        load_config(tmp_path / "latin.yaml", MODELS, {})
    (tmp_path / "good.yaml").write_text(GOOD)
    assert load_config(tmp_path / "good.yaml", MODELS, {}).namespace == "orders"


def test_the_schema_knows_every_connector_and_forbids_other_keys() -> None:
    schema = json_schema(MODELS)
    assert schema["additionalProperties"] is False
    sides = [set(model["properties"]) for model in schema["$defs"].values()]
    assert sides.count({"queue", "pipe"}) == 2
    assert {"file", "memory", "redis", "mirror", "journal", "require", "wait"} in sides
    assert {"queue", "redis"} in sides
    assert {"url", "topics", "wait", "login"} in sides
    assert schema["properties"]["startup_timeout"]["type"] == "string"
