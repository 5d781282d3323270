"""anxin <verb>. Each verb says what it did and what to do next; an error names the file and the fix."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

from bot.contracts.keys import KeyProblem
from bot.settings import ROOT, SettingProblem, Settings, read_settings


def main(arguments: list[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run one verb; `environment` instead of this process's own."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # databases and logs of every process below: nobody else on this machine reads them
    try:
        return int(options.run(options, read_settings(environment)) or 0)
    except (SettingProblem, KeyProblem) as problem:
        print(f"anxin: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anxin", description="The online customer service: run it, train it, look inside."
    )
    verbs = parser.add_subparsers(metavar="<verb>", required=True)

    def verb(name: str, help_: str, run: Callable[[argparse.Namespace, Settings], int]) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    verb("up", "start engine, actions and gateway, and keep them running", _up)
    verb("train", "train the assistant from data/, domain.yml and config.yml", _train).add_argument(
        "--force", action="store_true", help="also when nothing has changed"
    )
    check = verb("check", "say what is wrong with the content, one sentence a line", _check)
    check.add_argument(
        "--table",
        action="store_true",
        help="show topics, institutions and languages at a glance, and what expires next",
    )
    check.add_argument("--facts", help="folder of the facts the content rests on (default: ../shared/facts, if there)")
    talk = verb("talk", "chat in the terminal with the running assistant", _talk)
    talk.add_argument("--institution", default="hnyc")
    talk.add_argument("--language", default="zh-Hant")
    understand = verb("understand", "one message a line in, one JSON a line out; needs no server", _understand)
    understand.add_argument("--institution", default="hnyc")
    understand.add_argument("file", nargs="?", help="a text file; without it, standard input")
    outbox = verb("outbox", "what was sent by SMS or e-mail in the embedded default, and what was given up", _outbox)
    outbox.add_argument("--json", action="store_true", help="one JSON object a line")
    outbox.add_argument("--dead", action="store_true", help="what was given up, and why; in production too")
    outbox.add_argument("--resend", metavar="ID", help="send a notice that was given up again; all for every one")
    _add_audit(verb("audit", "verify the decisions on record, or show the last", _audit))
    purge = verb("purge", "delete what is kept too long, and say how much of each class", _purge)
    purge.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    purge.add_argument("--class", dest="names", action="append", metavar="NAME", help="only this; may be repeated")
    purge.add_argument("--older-than", type=int, metavar="DAYS", help="instead of each class's own days")
    verb("demo", "list the demo customers", _demo).add_argument(
        "--reset", action="store_true", help="put them back into their states"
    )
    _add_event(verb("event", "tell the running assistant that something happened to an account", _event))
    _add_forms(verb("bench", "measure turns, a load, understanding, or account security", _bench_turns))
    serve = verb("serve", "run one process in the foreground (used by up)", _serve)
    serve.add_argument("process", choices=["gateway", "engine", "actions"])
    return parser


def _add_audit(audit: argparse.ArgumentParser) -> None:
    forms = audit.add_subparsers(dest="form", metavar="<form>", required=True)
    forms.add_parser("verify", help="look at every entry; ends with 1 where one is not as it was written")
    show = forms.add_parser("show", help="the last decisions: when, who, what, how it ended")
    show.add_argument("--account", metavar="NUMBER", help="only about this account")
    show.add_argument("--institution", default="hnyc", metavar="ID", help="of the account (default: hnyc)")
    show.add_argument("--last", type=int, default=20, metavar="N", help="so many (default: 20)")


def _add_event(event: argparse.ArgumentParser) -> None:
    kinds = ["login", "wrong_password", "password_locked", "password_changed", "password_unlocked", "password_reissued"]
    event.add_argument("kind", choices=kinds)
    event.add_argument("--institution", default="hnyc", metavar="ID", help="of the account (default: hnyc)")
    event.add_argument("--account", required=True, metavar="NUMBER", help="the account's number; anxin demo lists some")
    event.add_argument("--platform", default="e指發", help="where it happened (default: e指發)")
    event.add_argument("--locked", action="store_true", help="this wrong password was the one that locked")


def _add_forms(bench: argparse.ArgumentParser) -> None:
    """Add what else `anxin bench` measures; each form has its own options."""
    forms = bench.add_subparsers(metavar="<form>", required=True)
    _add_turns(forms)
    help_ = "how well messages are understood: public benchmarks, our own topics held out, mistakes of typing"
    understanding = forms.add_parser(
        "understanding",
        help=help_,
        description=f"Measure {help_}.",
        epilog="Ends with 0 when all was measured and every target is met, with 1 when not.",
    )
    understanding.set_defaults(run=_bench_understanding)
    understanding.add_argument("--data", help="folder of the public benchmarks (default: ../shared/bench)")
    understanding.add_argument(
        "--only", nargs="+", metavar="NAME", default=[], help="only these, such as own, hint3 or banking77_10"
    )
    understanding.add_argument(
        "--stock", action="store_true", help="also the stock Rasa pipeline (DIET) on the same data: takes hours"
    )
    understanding.add_argument("--runs", default="1", help="take the times so often, and show medians")
    understanding.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    help_ = "verified codes, unlocks and reports a second, beside the raw commits of the database"
    security = forms.add_parser(
        "security", help=help_, description=f"Measure {help_}: SQLite and PostgreSQL, 1 and 3 processes."
    )
    security.set_defaults(run=_bench_security)
    security.add_argument("--runs", type=int, default=3, help="show medians of so many (default: 3)")
    security.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default: 3)")
    security.add_argument("--json", metavar="FILE", help="also write every figure to this file")


def _add_turns(forms: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    help_ = "what a turn costs, ours beside stock Rasa and its limit, in one run"
    epilog = "Ends with 0 when every target is met, with 1 when not."
    turns = forms.add_parser("turns", help=help_, description=f"Measure {help_}: about 15 minutes.", epilog=epilog)
    turns.set_defaults(run=_bench_turns)
    turns.add_argument("--runs", type=int, default=5, help="show medians of so many (default: 5)")
    turns.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default: 3)")
    turns.add_argument("--quick", action="store_true", help="a look, in a minute: one short run, nothing is trained")
    turns.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    turns.add_argument("--plot", metavar="FILE", help="also draw this PNG")
    help_ = "how a load of mixed conversations is borne, and whether anything is lost or doubled"
    epilog = "Ends with 0 when every message was answered, and nothing was lost or doubled."
    load = forms.add_parser("load", help=help_, description=f"Measure {help_}.", epilog=epilog)
    load.set_defaults(run=_bench_load)
    load.add_argument("--minutes", type=float, default=1.0, metavar="N", help="so long (default: 1)")
    load.add_argument("--rate", type=float, default=20.0, metavar="R", help="messages a second (default: 20)")
    load.add_argument("--url", default="", help="a gateway that runs on this machine, instead of one started for it")
    load.add_argument("--postgresql", action="store_true", help="start it on a private PostgreSQL, not on SQLite")
    load.add_argument("--json", metavar="FILE", help="also write every figure to this file")


def _up(options: argparse.Namespace, settings: Settings) -> int:
    from bot import supervisor, training

    try:
        supervisor.refuse_taken_ports(settings)
        training.train_if_stale(supervisor.say)
        return asyncio.run(supervisor.run(settings))
    except training.TrainingFailed as problem:
        print(f"anxin: training failed; the last lines of {training.LOG}:\n{problem}", file=sys.stderr)
    except supervisor.CannotStart as problem:
        print(f"anxin: {problem}", file=sys.stderr)
    return 1


def _train(options: argparse.Namespace, settings: Settings) -> int:
    from bot import training

    if not options.force and not training.is_stale():
        print("The model is up to date. Train anyway with: anxin train --force")
        return 0
    try:
        training.train()
    except training.TrainingFailed as problem:
        print(f"anxin: training failed; the last lines of {training.LOG}:\n{problem}", file=sys.stderr)
        return 1
    print("Start it with: make run   (a running assistant takes the new model when it is started again)")
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> int:
    from pathlib import Path

    from bot.content.checks import check_content
    from bot.content.table import coverage

    facts: Path | None = Path(options.facts or ROOT.parent / "shared" / "facts")
    if facts and not options.facts and not facts.is_dir():
        print(f"Note: there is no {facts}, so nothing is compared with the shared facts.")
        facts = None
    found = check_content(facts)
    for line in coverage(facts, in_colour=sys.stdout.isatty()) if options.table else found:
        print(line)
    where = "; anxin check says which" if options.table else ""
    print(f"{len(found)} problem{'s' if len(found) > 1 else ''}{where}." if found else "The content is in order.")
    return 1 if found else 0


def _talk(options: argparse.Namespace, settings: Settings) -> int:
    from bot.talk import talk

    return talk(f"http://127.0.0.1:{settings.gateway_port}", options.institution, options.language)


def _understand(options: argparse.Namespace, settings: Settings) -> int:
    from bot import training

    training.train_if_stale(lambda text: print(text, file=sys.stderr))
    command = [str(training.ENGINE_BIN / "python"), "-m", "bot.engine.understand", "--institution", options.institution]
    command += [str(settings.called_from / options.file)] if options.file else []
    return subprocess.run(command, cwd=ROOT, env=training.engine_environment()).returncode


def _outbox(options: argparse.Namespace, settings: Settings) -> int:
    from bot import records

    if options.resend:
        return records.resend(settings, options.resend)
    if options.dead:
        return records.dead_letters(settings, options.json)
    if settings.production:
        print("anxin: there is no outbox to read in production: messages hold codes.", file=sys.stderr)
        return 2
    lines = settings.outbox_file.read_text(encoding="utf-8").splitlines() if settings.outbox_file.exists() else []
    for line in lines:
        if options.json:
            print(line)
            continue
        message = json.loads(line)
        print(f"{message['at']}  {message['channel']} to {message['to']}  {message['subject']}")
        print("    " + message["body"].replace("\n", "\n    "))
    if not lines and not options.json:
        print("Nothing has been sent yet.")
    return 0


def _audit(options: argparse.Namespace, settings: Settings) -> int:
    from bot import records

    if options.form == "verify":
        return records.verify_audit(settings)
    return records.show_audit(settings, options.institution, options.account, options.last)


def _purge(options: argparse.Namespace, settings: Settings) -> int:
    from bot import records

    return records.purge(settings, options.names or [], options.older_than, options.dry_run)


def _event(options: argparse.Namespace, settings: Settings) -> int:
    from bot.tell_event import tell

    return tell(settings, options.kind, options.institution, options.account, options.platform, options.locked)


def _demo(options: argparse.Namespace, settings: Settings) -> int:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from actions.adapters.demo_customers import DEMO_CUSTOMERS, seed
    from actions.bootstrap import open_security_database

    if settings.production:
        print("anxin: there are no demo customers in production.", file=sys.stderr)
        return 2
    if options.reset:
        settings.var.mkdir(parents=True, exist_ok=True)
        seed(open_security_database(settings), datetime.now(UTC), ZoneInfo("Asia/Taipei"), reset=True)
        print("The demo customers are back in their states.")
    for demo in DEMO_CUSTOMERS:
        born = f"{demo.birth_date.year - 1911:03d}/{demo.birth_date:%m/%d}"
        print(f"{demo.institution:<6} account {demo.number}  birth date {born}  {demo.state}")
    return 0


def _bench_turns(options: argparse.Namespace, settings: Settings) -> int:
    from bot.bench_turns import QUICK, Plan, measure

    plan = QUICK if options.quick else Plan(runs=options.runs, seconds=options.seconds)
    file, plot = (settings.called_from / name if name else None for name in (options.json, options.plot))
    return measure(settings, plan, file, plot)


def _bench_load(options: argparse.Namespace, settings: Settings) -> int:
    from bot.bench_load import measure

    file = settings.called_from / options.json if options.json else None
    return measure(settings, options.minutes, options.rate, options.url, options.postgresql, file)


def _bench_understanding(options: argparse.Namespace, settings: Settings) -> int:
    from bot import training

    command = [str(training.ENGINE_BIN / "python"), "-m", "bot.engine.benchmark", "--runs", options.runs]
    command += ["--data", str(settings.called_from / options.data)] if options.data else []
    command += ["--json", str(settings.called_from / options.json)] if options.json else []
    command += ["--stock"] if options.stock else []
    command += ["--only", *options.only] if options.only else []
    return subprocess.run(command, cwd=ROOT, env=training.engine_environment()).returncode


def _bench_security(options: argparse.Namespace, settings: Settings) -> int:
    from bot.bench_security import measure

    return measure(options.runs, options.seconds, settings.called_from / options.json if options.json else None)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from bot.logs import configure_logging
    from bot.traces import send_to
    from bot.training import SERVE_ENGINE, engine_environment

    if options.process == "engine":  # in its own environment; it becomes this process
        os.chdir(ROOT)
        os.execve(SERVE_ENGINE[0], SERVE_ENGINE, engine_environment())  # noqa: S606  # our own program
    configure_logging(settings.log_level)
    send_to(settings.traces_url, options.process)
    if options.process == "gateway":
        from bot.gateway.app import create_app as create_gateway

        app, host, port = create_gateway(settings), settings.gateway_host, settings.gateway_port
    else:
        from actions.bootstrap import build
        from actions.server import Keys, create_app
        from bot.contracts.keys import derive, load_or_create_master_key
        from bot.contracts.turn import SIGN_ACTIONS, SIGN_EVENTS, SIGN_INTERNAL

        master = load_or_create_master_key(settings.key_file)
        events = settings.events_key or derive(master, SIGN_EVENTS)
        keys = Keys(engine=derive(master, SIGN_ACTIONS), gateway=derive(master, SIGN_INTERNAL), events=events)
        app, host, port = create_app(lambda: build(settings), keys), settings.inner_host, settings.actions_port
    app.run(host=host, port=port, single_process=True, access_log=False, motd=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
