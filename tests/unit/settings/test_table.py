"""Where a setting comes from, what it may be, and the words in which a wrong one is refused."""

import errno
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackway.domain.errors import ConfigError
from trackway.domain.region import REGIONS
from trackway.settings.sources import load
from trackway.settings.table import ROWS, ROWS_BY_NAME, Row, Settings, masked, shown


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a trackway.toml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("places", [p for n in range(4) for p in itertools.combinations(("flag", "env", "file"), n)])
def test_flag_wins_over_environment_over_file_over_default(places: tuple[str, ...], elsewhere: Path) -> None:
    file = elsewhere / "some.toml"
    file.write_text("port = 3\n" if "file" in places else "")
    settings = load(
        {"port": "1" if "flag" in places else None},
        config=str(file),
        environ={"TRACKWAY_PORT": "2"} if "env" in places else {},
    )
    expected = {"flag": (1, "--port"), "env": (2, "TRACKWAY_PORT"), "file": (3, str(file))}
    first = places[0] if places else None
    assert (settings.port, settings.source("port")) == (expected[first] if first else (8080, "default"))


def test_file_in_the_working_directory_is_read_when_none_is_named(elsewhere: Path) -> None:
    (elsewhere / "trackway.toml").write_text('port = 81\nredirect_hosts = ["a.example"]\nrate_limits = false\n')
    settings = load(environ={})
    assert (settings.port, settings.redirect_hosts, settings.rate_limits) == (81, ("a.example",), False)
    assert settings.source("port") == "trackway.toml"


def test_folder_that_is_closed_to_the_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", closed)
    with pytest.raises(ConfigError, match=r"cannot look for trackway.toml in .*: Permission denied; start elsewhere"):
        load(environ={})


def test_config_flag_wins_over_config_variable_over_the_working_directory(elsewhere: Path) -> None:
    for number, name in enumerate(("trackway.toml", "variable.toml", "flag.toml"), start=1):
        (elsewhere / name).write_text(f"port = {number}\n")
    assert load(environ={}).port == 1
    assert load(environ={"TRACKWAY_CONFIG": "variable.toml"}).port == 2
    assert load(environ={"TRACKWAY_CONFIG": ""}).port == 1
    assert load(config="flag.toml", environ={"TRACKWAY_CONFIG": "variable.toml"}).port == 3


def test_data_directory_is_absolute_and_relative_to_the_file_that_names_it(elsewhere: Path) -> None:
    (elsewhere / "etc").mkdir()
    (elsewhere / "etc/one.toml").write_text('data_dir = "../var"\n')
    assert load(environ={}).data_dir == elsewhere / "trackway-data"
    assert load({"data_dir": "x"}, environ={}).data_dir == elsewhere / "x"
    assert load(config="etc/one.toml", environ={}).data_dir == elsewhere / "etc/../var"
    assert load({"data_dir": "~/x"}, environ={}).data_dir == Path.home() / "x"


def test_switch_is_given_as_a_flag_either_way() -> None:
    off = load({"rate_limits": False}, environ={"TRACKWAY_RATE_LIMITS": "true"})
    on = load({"rate_limits": True}, environ={"TRACKWAY_RATE_LIMITS": "off"})
    assert (off.rate_limits, off.source("rate_limits")) == (False, "--no-rate-limits")
    assert (on.rate_limits, on.source("rate_limits")) == (True, "--rate-limits")


def test_paths_below_the_data_directory_follow_it() -> None:
    settings = load({"data_dir": "/d"}, environ={})
    assert settings.projects_at == Path("/d/projects.db")
    assert settings.metrics_dir == Path("/d/run/metrics")


def test_city_database_is_a_path_relative_to_the_file_that_names_it_or_none(elsewhere: Path) -> None:
    (elsewhere / "etc").mkdir()
    (elsewhere / "etc/one.toml").write_text('geoip_database = "city.mmdb"\n')
    (elsewhere / "etc/none.toml").write_text('geoip_database = ""\n')
    assert load(config="etc/one.toml", environ={}).geoip_database == elsewhere / "etc/city.mmdb"
    assert load({"geoip_database": "/x.mmdb"}, environ={}).geoip_database == Path("/x.mmdb")
    for none in (
        load(environ={}),
        load(config="etc/none.toml", environ={}),
        load(config="etc/one.toml", environ={"TRACKWAY_GEOIP_DATABASE": ""}),
    ):
        assert none.geoip_database is None
        assert shown(none.geoip_database) == ""


def test_projects_are_at_the_url_where_there_is_one() -> None:
    url = "postgresql://me@h/db"
    assert load({"data_dir": "/d", "projects_url": url}, environ={}).projects_at == url


def test_worker_count_is_at_most_eight_unless_asked_for() -> None:
    assert 1 <= Settings().worker_count <= 8
    assert Settings(workers=12).worker_count == 12


REFUSED_IN_ENVIRONMENT = [
    ("TRACKWAY_PORT", "eighty", "port must be a whole number, 0 to 65535, not 'eighty' (from TRACKWAY_PORT)"),
    ("TRACKWAY_PORT", "", "port must be a whole number, 0 to 65535, not '' (from TRACKWAY_PORT)"),
    ("TRACKWAY_PORT", "65536", "port must be 0 to 65535, not 65536 (from TRACKWAY_PORT)"),
    ("TRACKWAY_PORT", "-1", "port must be 0 to 65535, not -1 (from TRACKWAY_PORT)"),
    ("TRACKWAY_PORT", "8e3", "port must be a whole number, 0 to 65535, not '8e3' (from TRACKWAY_PORT)"),
    ("TRACKWAY_PORT", "٣", "port must be a whole number, 0 to 65535, not '٣' (from TRACKWAY_PORT)"),
    ("TRACKWAY_REGION", "de", "region must be one of us, eu, in, not 'de' (from TRACKWAY_REGION)"),
    ("TRACKWAY_RATE_LIMITS", "maybe", "rate_limits must be true or false, not 'maybe' (from TRACKWAY_RATE_LIMITS)"),
    ("TRACKWAY_DATA_DIR", " ", "data_dir must be a path, not ' ' (from TRACKWAY_DATA_DIR)"),
    (
        "TRACKWAY_DATA_DIR",
        "~nobody-of-that-name/x",
        "data_dir names a home directory that is not known: '~nobody-of-that-name/x' (from TRACKWAY_DATA_DIR)",
    ),
    ("TRACKWAY_HOST", "", "host must be an address or host name to listen on, not '' (from TRACKWAY_HOST)"),
    (
        "TRACKWAY_PROJECTS_URL",
        "mysql://me:hidden@h/x?password=hidden",
        "projects_url must be empty or a URL such as 'postgresql://user:password@host:5432/database', "
        "not 'mysql://me:***@h/x?password=***' (from TRACKWAY_PROJECTS_URL)",
    ),
    (
        "TRACKWAY_STORE_URL",
        "ftp://me:hidden@h/x",
        "store_url must be empty or a URL such as 'http://user:password@host:8123/database', "
        "not 'ftp://me:***@h/x' (from TRACKWAY_STORE_URL)",
    ),
    (
        "TRACKWAY_STORE_URL",
        "http://h:99999",
        "store_url must be empty or a URL such as 'http://user:password@host:8123/database', "
        "not 'http://h:99999' (from TRACKWAY_STORE_URL)",
    ),
    (
        "TRACKWAY_PATH_PREFIX",
        "/x/",
        "path_prefix must be empty or begin with '/' and not end with one, such as '/mixpanel', "
        "not '/x/' (from TRACKWAY_PATH_PREFIX)",
    ),
    (
        "TRACKWAY_TRUSTED_PROXIES",
        "10.0.0.0/8,10.0.0.1/8",
        "trusted_proxies must list networks such as '10.0.0.0/8' or addresses, and '10.0.0.1/8' is neither "
        "(from TRACKWAY_TRUSTED_PROXIES)",
    ),
    (
        "TRACKWAY_REDIRECT_HOSTS",
        "https://a.example",
        "redirect_hosts must list host names such as 'www.example.com', without scheme, port or path, and "
        "'https://a.example' is not one (from TRACKWAY_REDIRECT_HOSTS)",
    ),
    (
        "TRACKWAY_IN_FLIGHT_BYTES_MAX",
        "2048",
        "in_flight_bytes_max must be at least body_bytes_max (33554432), not 2048 (from TRACKWAY_IN_FLIGHT_BYTES_MAX)",
    ),
    ("TRACKWAY_PRT", "1", "unknown environment variable TRACKWAY_PRT; did you mean TRACKWAY_PORT?"),
    ("TRACKWAY_port", "1", "unknown environment variable TRACKWAY_port; did you mean TRACKWAY_PORT?"),
    ("TRACKWAY_ZZZZZZZZ", "1", "unknown environment variable TRACKWAY_ZZZZZZZZ"),
]


@pytest.mark.parametrize(("variable", "text", "message"), REFUSED_IN_ENVIRONMENT)
def test_environment_is_refused_in_words_that_name_the_bound(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(environ={variable: text})
    assert str(refused.value) == message


REFUSED_IN_FILE = [
    ("port = '80'", "port must be a whole number, 0 to 65535, not '80' (from t.toml)"),
    ("port = true", "port must be a whole number, 0 to 65535, not True (from t.toml)"),
    ("rate_limits = 1", "rate_limits must be true or false, not 1 (from t.toml)"),
    ("host = 1", "host must be a string, not 1 (from t.toml)"),
    ("data_dir = 1", "data_dir must be a string, not 1 (from t.toml)"),
    ("data_dir = ''", "data_dir must be a path, not '' (from t.toml)"),
    ('data_dir = "a\\u0000b"', "data_dir must be a path, not 'a\\x00b' (from t.toml)"),
    ("redirect_hosts = 'a'", "redirect_hosts must be a list of strings, not 'a' (from t.toml)"),
    ("redirect_hosts = [1]", "redirect_hosts must be a list of strings, not [1] (from t.toml)"),
    ("prt = 1", "unknown setting 'prt' in t.toml; did you mean port?"),
    ("[server]\nport = 1", "unknown setting 'server' in t.toml"),
    ("port = 1\nport = 2", "config file t.toml is not valid TOML: Cannot overwrite a value (at end of document)"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_IN_FILE)
def test_file_is_refused_in_words_that_name_the_bound(text: str, message: str, elsewhere: Path) -> None:
    (elsewhere / "t.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(config="t.toml", environ={})
    assert str(refused.value) == message


def test_file_that_is_named_must_be_readable_text(elsewhere: Path) -> None:
    (elsewhere / "latin.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(ConfigError, match=r"config file none\.toml cannot be read: no such file or directory"):
        load(config="none.toml", environ={})
    with pytest.raises(ConfigError, match=r"config file latin\.toml is not valid TOML"):
        load(config="latin.toml", environ={})


def test_settings_made_by_hand_are_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"port must be 0 to 65535, not 70000 \(from default\)"):
        Settings(port=70000)


def test_passwords_are_masked_wherever_a_value_is_shown() -> None:
    settings = Settings(
        store_url="https://me:hidden@h:8443/db",
        projects_url="postgresql://me:hidden@h/db?password=hidden&sslpassword=hidden",
        journal_url="tls://me:hidden@a:4222,b:4222",
    )
    assert "hidden" not in repr(settings)
    assert shown(settings.store_url) == "https://me:***@h:8443/db"
    assert shown(settings.journal_url) == "tls://me:***@a:4222,b:4222"
    assert shown(settings.projects_url) == "postgresql://me:***@h/db?password=***&sslpassword=***"
    assert masked("see http://u:p:q@h and http://h:80/p@x") == "see http://u:***@h and http://h:80/p@x"
    assert masked("http://:p@h") == "http://:***@h"
    assert masked("http://u:a/b@h/x") == "http://u:***@h/x"


def test_store_of_a_cluster_has_its_name_in_the_url_and_needs_one() -> None:
    assert Settings(store_url="http://h:1/x", store_cluster="main").store_at == "http://h:1/x?cluster=main"
    assert Settings(store_url="http://h:1/x").store_at == "http://h:1/x"
    assert Settings().store_at == ""
    with pytest.raises(ConfigError, match="store_cluster needs store_url, a node of the cluster"):
        Settings(store_cluster="main")
    with pytest.raises(ConfigError, match="store_cluster must be empty or a name of letters, digits, _ and -"):
        Settings(store_url="http://h:1/x", store_cluster="a'b")


def test_a_schedule_of_backups_needs_a_place_and_a_time() -> None:
    assert Settings(backup_every="6h", backup_to="s3://b/k").backup_keep == 7
    with pytest.raises(ConfigError, match="backup_every needs backup_to, their place"):
        Settings(backup_every="6h")
    with pytest.raises(ConfigError, match="backup_every must be empty or a time such as 90s"):
        Settings(backup_every="often", backup_to="here")


def test_a_schedule_of_exports_needs_a_place_a_time_and_a_format() -> None:
    found = Settings(export_every="1h", export_to="s3://b/k")
    assert (found.export_format, found.export_projects) == ("parquet", ())
    with pytest.raises(ConfigError, match="export_every needs export_to, their place"):
        Settings(export_every="1h")
    with pytest.raises(ConfigError, match="export_format must be one of parquet, csv, ndjson, not 'xml'"):
        Settings(export_format="xml")


def values_of(row: Row) -> st.SearchStrategy[object]:
    """Good values of a setting."""
    special: dict[str, st.SearchStrategy[object]] = {
        "host": st.sampled_from(["0.0.0.0", "::1", "localhost"]),
        "ops_host": st.sampled_from(["0.0.0.0", "::1", "localhost"]),
        "store_url": st.sampled_from(["", "http://h:1", "https://u:p@h/x"]),
        "journal_url": st.sampled_from(["", "nats://a", "nats://u:p@a:1,b", "tls://u:p%40@[::1]:4222"]),
        "store_cluster": st.sampled_from(["", "main", "a-b_1"]),
        "projects_url": st.sampled_from(["", "postgresql://u:p@h:1/d", "postgres:///d?host=/run/postgresql"]),
        "path_prefix": st.sampled_from(["", "/a", "/a/b-c"]),
        "trusted_proxies": st.lists(st.ip_addresses().map(str), max_size=3).map(tuple),
        "redirect_hosts": st.lists(st.sampled_from(["a.example", "B", "127.0.0.1"]), max_size=3).map(tuple),
        "data_dir": st.sampled_from([Path("/a"), Path("/a b/c")]),
        "geoip_database": st.sampled_from([Path("/a.mmdb"), Path("/a b/c.mmdb")]),
        "browser_sdk_path": st.sampled_from([Path("/a.js"), Path("/a b/c.js")]),
        "tls_cert": st.sampled_from([Path("/a.pem"), Path("/a b/c.pem")]),
        "tls_key": st.sampled_from([Path("/a.pem"), Path("/a b/c.pem")]),
        "admin_password_file": st.sampled_from([Path("/a"), Path("/a b/c")]),
        "alert_hosts": st.lists(st.sampled_from(["10.0.0.0/8", "::1", "hooks.internal"]), max_size=3).map(tuple),
        "oidc_issuer": st.just(""),  # another one needs oidc_client_id
        "oidc_client_id": st.sampled_from(["", "trackway"]),
        "oidc_name": st.sampled_from(["", "Example ID"]),
        "oidc_client_secret_file": st.sampled_from([Path("/a"), Path("/a b/c")]),
        "smtp_url": st.just(""),  # another one needs smtp_from
        "smtp_password_file": st.sampled_from([Path("/a"), Path("/a b/c")]),
        "default_event_retention": st.sampled_from(["forever", "30"]),
        "smtp_from": st.sampled_from(["", "alerts@example.com"]),
        "backup_to": st.sampled_from(["/a", "s3://bucket/key"]),
        "backup_every": st.just(""),  # another one needs backup_to
        "export_to": st.sampled_from(["/a", "s3://bucket/key"]),
        "export_every": st.just(""),  # another one needs export_to
        "export_projects": st.lists(st.sampled_from(["1", "Web shop"]), max_size=3).map(tuple),
        "body_bytes_max": st.integers(1024, 1 << 20),
        "in_flight_bytes_max": st.integers(33_554_432, 1 << 36),
    }
    if row.name in special:
        return special[row.name]
    if row.choices:
        return st.sampled_from(row.choices)
    return st.booleans() if row.kind == "switch" else st.integers(row.lowest, row.highest)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({}, optional={row.name: values_of(row) for row in ROWS}).filter(
        lambda values: bool(values.get("store_url") or not values.get("store_cluster"))
    )
)
def test_any_settings_survive_a_round_trip_through_flags_environment_and_file(values: dict[str, object]) -> None:
    def text(value: object) -> str:
        return (
            ",".join(value)
            if isinstance(value, tuple)
            else str(value).lower()
            if value in (True, False)
            else str(value)
        )

    texts = {name: text(value) for name, value in values.items()}
    file = Path("round-trip.toml")
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in plain.items()))
    by_flag = load(texts, environ={})
    by_environment = load(environ={ROWS_BY_NAME[name].variable: value for name, value in texts.items()})
    by_file = load(config=str(file), environ={})
    assert by_flag == by_environment == by_file
    assert {name: getattr(by_flag, name) for name in values} == values
    assert {name for name in ROWS_BY_NAME if by_flag.source(name) != "default"} == set(values)


@given(st.text(max_size=40), st.sampled_from(ROWS))
def test_any_text_is_taken_or_refused_by_name(text: str, row: Row) -> None:
    try:
        load({row.name: text}, environ={})
    except ConfigError as refused:
        assert row.name in str(refused)


def test_every_setting_has_a_default_within_its_own_bounds_and_a_sentence_of_help() -> None:
    assert Settings()
    for row in ROWS:
        assert row.help.endswith("."), row.name
        assert "|" not in row.help + row.values, row.name
    assert ROWS_BY_NAME["region"].choices == REGIONS


@pytest.mark.parametrize(
    "issuer", ["https://id.example.com", "https://id.example.com:8443/realms/a", "http://127.0.0.1:5"]
)
def test_a_provider_has_a_name_for_this_server(issuer: str) -> None:
    assert load({"oidc_issuer": issuer, "oidc_client_id": "a"}, environ={}).oidc_issuer == issuer
    with pytest.raises(ConfigError, match="oidc_client_id must be set where oidc_issuer is"):
        load({"oidc_issuer": issuer}, environ={})


@pytest.mark.parametrize(
    "issuer", ["id.example.com", "http://id.example.com", "https://", "https://a:x", "https://a?b=c"]
)
def test_an_issuer_is_a_url_that_others_cannot_answer_for(issuer: str) -> None:
    with pytest.raises(ConfigError, match="oidc_issuer must be empty or the URL of a provider"):
        load({"oidc_issuer": issuer, "oidc_client_id": "a"}, environ={})
