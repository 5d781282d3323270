"""anxin <verb>. Each verb says what it did and what to do next; an error names the file and the fix."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable

from bot.contracts.keys import KeyProblem
from bot.settings import ROOT, SettingProblem, Settings, read_settings


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # databases and logs of every process below: nobody else on this machine reads them
    try:
        return int(options.run(options, read_settings()) or 0)
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
    verb("outbox", "what was sent by SMS or e-mail in the embedded default", _outbox).add_argument(
        "--json", action="store_true", help="one JSON object a line"
    )
    verb("demo", "list the demo customers", _demo).add_argument(
        "--reset", action="store_true", help="put them back into their states"
    )
    bench = verb("bench", "measure a question's way from the gateway's door and back, or one of the forms", _bench)
    bench.add_argument("--turns", type=int, default=200)
    _add_forms(bench)
    serve = verb("serve", "run one process in the foreground (used by up)", _serve)
    serve.add_argument("process", choices=["gateway", "actions"])
    return parser


def _add_forms(bench: argparse.ArgumentParser) -> None:
    """Add what else `anxin bench` measures; each form has its own options."""
    help_ = "how well messages are understood: public benchmarks, our own topics held out, mistakes of typing"
    understanding = bench.add_subparsers(metavar="<form>").add_parser(
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


def _bench(options: argparse.Namespace, settings: Settings) -> int:
    from bot.bench import question_turns

    return question_turns(f"http://127.0.0.1:{settings.gateway_port}", options.turns)


def _bench_understanding(options: argparse.Namespace, settings: Settings) -> int:
    from bot import training

    command = [str(training.ENGINE_BIN / "python"), "-m", "bot.engine.benchmark", "--runs", options.runs]
    command += ["--data", str(settings.called_from / options.data)] if options.data else []
    command += ["--json", str(settings.called_from / options.json)] if options.json else []
    command += ["--stock"] if options.stock else []
    command += ["--only", *options.only] if options.only else []
    return subprocess.run(command, cwd=ROOT, env=training.engine_environment()).returncode


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from bot.logs import configure_logging

    configure_logging(settings.log_level)
    if options.process == "gateway":
        from bot.gateway.app import create_app as create_gateway

        app, host, port = create_gateway(settings), settings.gateway_host, settings.gateway_port
    else:
        from actions.bootstrap import build
        from actions.server import Keys, create_app
        from bot.contracts.keys import derive, load_or_create_master_key
        from bot.contracts.turn import SIGN_ACTIONS, SIGN_INTERNAL

        master = load_or_create_master_key(settings.key_file)
        keys = Keys(engine=derive(master, SIGN_ACTIONS), gateway=derive(master, SIGN_INTERNAL))
        app, host, port = create_app(lambda: build(settings), keys), "127.0.0.1", settings.actions_port
    app.run(host=host, port=port, single_process=True, access_log=False, motd=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
