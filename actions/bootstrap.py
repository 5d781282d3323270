"""The composition root: the only place that knows every part and puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from actions.adapters import totp
from actions.adapters.aes_gcm import AesGcm
from actions.adapters.core_exchange import Exchange
from actions.adapters.core_http import HttpCore
from actions.adapters.demo_customers import seed
from actions.adapters.embedded_core import EmbeddedCore
from actions.adapters.embedded_outbox import EmbeddedOutbox
from actions.adapters.http import Server
from actions.adapters.sms_http import SmsGateway
from actions.adapters.smtp import ByChannel, SmtpMessenger
from actions.adapters.system_clock import SystemClock
from actions.adapters.templates import JinjaTemplates
from actions.security.guesses import GuessRules
from actions.security.sends import SendRules
from actions.security.software_token import App, TokenRules
from actions.services.certificate_renewal import CertificateRenewal
from actions.services.decisions import Decisions
from actions.services.error_report import ErrorReport
from actions.services.events import Events
from actions.services.guess_budget import GuessBudget
from actions.services.hotline import Hotline
from actions.services.identification import Identification
from actions.services.ledger import Ledger
from actions.services.notice_check import NoticeCheck
from actions.services.notices import Notices, Sender
from actions.services.one_time_password import OneTimePassword
from actions.services.outbox import Outbox
from actions.services.password_reissue import PasswordReissue
from actions.services.password_unlock import PasswordUnlock
from actions.services.pending_acts import PendingActs
from actions.services.ports import Clock, CoreSystem, Messenger, OtpRules
from actions.services.protection import Protection
from actions.services.purge import Purge
from actions.services.software_token import SoftwareToken
from actions.services.token_seeds import TokenSeeds
from actions.services.vault import Vault
from actions.storage.audit import Audit
from actions.storage.database import UnfitDatabase
from actions.storage.unit_of_work import UnitOfWork, open_database
from bot.content.institutions import DEFAULT_INSTITUTION, Institution, load_institutions
from bot.contracts.keys import AUDIT_CHAIN, KeyProblem, derive, load_or_create_master_key
from bot.contracts.link import link_key
from bot.settings import Core, SettingProblem, Settings, Sms

SOON_SECONDS = 0.02


@dataclass
class Services:
    """Everything a custom action or the internal API may call."""

    work: UnitOfWork
    clock: Clock
    institutions: Mapping[str, Institution]
    vault: Vault
    identification: Identification
    one_time_password: OneTimePassword
    pending_acts: PendingActs
    password_unlock: PasswordUnlock
    password_reissue: PasswordReissue
    certificate_renewal: CertificateRenewal
    protection: Protection
    notice_check: NoticeCheck
    notices: Notices
    events: Events
    hotline: Hotline
    software_token: SoftwareToken
    error_report: ErrorReport
    core: CoreSystem
    audit: Audit
    outbox: Outbox
    purge: Purge
    _relays: set[asyncio.Task[None]] = field(default_factory=set)
    _relay_is_due: bool = False

    def relay_soon(self) -> None:
        """Send what is due, without making the caller wait; whoever asks within `SOON_SECONDS` shares one relay."""
        if self._relay_is_due:
            return
        self._relay_is_due = True
        task = asyncio.get_running_loop().create_task(self._relay())
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)

    async def _relay(self) -> None:
        await asyncio.sleep(SOON_SECONDS)
        self._relay_is_due = False
        await asyncio.to_thread(self.outbox.relay)


def build(settings: Settings, clock: Clock | None = None, messenger: Messenger | None = None) -> Services:
    """Return the services as the settings say; tests bring their own messenger, and a clock that overrides all."""
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    master = load_or_create_master_key(settings.key_file)
    cipher, pepper = AesGcm(derive(master, "encrypt at rest")), derive(master, "pepper of codes")
    work = open_security_database(settings, clock)
    clock = clock or SystemClock()
    institutions = load_institutions()
    zones = {id_: institution.zone for id_, institution in institutions.items()}
    if not settings.production:
        seed(work, clock.now(), zones[DEFAULT_INSTITUTION])
    core, vault, ledger = core_system(settings.core), Vault(work, cipher), Ledger(pepper)
    audit = Audit(derive(master, AUDIT_CHAIN))
    decisions = Decisions(work, audit)
    messenger = messenger or _messenger(settings)
    outbox = Outbox(work, cipher, JinjaTemplates(_template_facts(institutions)), messenger)
    notices = Notices(outbox, _senders(settings, institutions, master))
    identification = Identification(work, cipher, vault, core, pepper)
    rules = {id_: _otp_rules(institution) for id_, institution in institutions.items()}
    budget = GuessBudget({id_: _guess_rules(institution) for id_, institution in institutions.items()})
    seeds = TokenSeeds(AesGcm(derive(master, "seeds of software tokens")), totp)
    pending = PendingActs(decisions, core)
    password_unlock = PasswordUnlock(decisions, core, ledger, notices, pending, _unlock_zones(institutions))
    return Services(
        work=work,
        clock=clock,
        institutions=institutions,
        vault=vault,
        identification=identification,
        one_time_password=OneTimePassword(
            decisions, vault, identification, core, outbox, notices, budget, rules, pepper
        ),
        pending_acts=pending,
        password_unlock=password_unlock,
        password_reissue=PasswordReissue(decisions, core, ledger, notices, pending, zones),
        certificate_renewal=CertificateRenewal(decisions, core, vault, ledger, _renewal_zones(institutions)),
        protection=Protection(decisions, core, ledger, cipher, outbox, settings.staff_mailbox, zones),
        notice_check=NoticeCheck(decisions, zones),
        notices=notices,
        events=Events(decisions, core, ledger, notices, zones, pepper),
        hotline=Hotline(decisions, core, ledger, budget, password_unlock, zones),
        software_token=SoftwareToken(decisions, core, ledger, budget, seeds, _token_rules(institutions)),
        error_report=ErrorReport(work, cipher, vault, zones),
        core=core,
        audit=audit,
        outbox=outbox,
        purge=Purge(work, audit),
    )


def open_security_database(settings: Settings, override: Clock | None = None) -> UnitOfWork:
    """Return the account-security database; raise `SettingProblem` where it cannot be used as it is."""
    try:
        return open_database(settings.security_url, override)
    except UnfitDatabase as problem:
        raise SettingProblem(f"ANXIN_SECURITY_URL: {problem}") from problem


def open_audit(settings: Settings) -> Audit:
    """Return the audit under the key it is written with; raise `KeyProblem` where there is none."""
    if not settings.key_file.exists():
        raise KeyProblem(f"{settings.key_file}: there is no key. Give ANXIN_KEY_FILE as the actions process has it.")
    return Audit(derive(load_or_create_master_key(settings.key_file), AUDIT_CHAIN))


def _messenger(settings: Settings) -> Messenger:
    """Return what sends; the embedded outbox takes a channel that has no server, but never in production."""
    if settings.production and (settings.sms is None or settings.smtp is None):
        raise SettingProblem(
            "ANXIN_MODE=production needs ANXIN_SMS_URL and ANXIN_SMTP_HOST: codes must not go to a file. "
            "Use ANXIN_MODE=embedded to try things out."
        )
    sms: Messenger = EmbeddedOutbox(settings.outbox_file)
    email: Messenger = sms
    if settings.sms:
        sms = _sms_gateway(settings.sms)
    if settings.smtp:
        s = settings.smtp
        email = SmtpMessenger(s.host, s.port, s.user, s.password, s.tls, s.sender)
    return ByChannel(sms=sms, email=email)


def _sms_gateway(sms: Sms) -> SmsGateway:
    try:
        return SmsGateway(sms.url, sms.key, sms.ca_file)
    except OSError as problem:  # ssl.SSLError is one
        raise SettingProblem(f"ANXIN_SMS_CA_FILE={sms.ca_file}: holds no certificates (PEM).") from problem


def core_system(core: Core | None) -> CoreSystem:
    """Return the firm's own where one is named, our own tables otherwise."""
    if core is None:
        return EmbeddedCore()
    try:
        return HttpCore(Exchange(Server(core.url, core.ca_file), core.key))
    except OSError as problem:
        raise SettingProblem(f"ANXIN_CORE_CA_FILE={core.ca_file}: holds no certificates (PEM).") from problem


def _otp_rules(institution: Institution) -> OtpRules:
    return OtpRules(
        digits=institution.otp_digits,
        ttl_seconds=institution.otp_ttl_seconds,
        wrong_attempts=institution.otp_wrong_attempts,
        sends=SendRules(institution.zone, institution.otp_resend_seconds),
    )


def _guess_rules(institution: Institution) -> GuessRules:
    return GuessRules(institution.zone, per_challenge=institution.otp_wrong_attempts)


def _senders(settings: Settings, institutions: Mapping[str, Institution], master: bytes) -> dict[str, Sender]:
    """Return how notices are sent where they are (`institutions.yml: notices_mailbox`)."""
    senders = (i for i in institutions.values() if "notices_mailbox" in i.facts)
    return {
        i.id: Sender(i.zone, settings.chat_page or i.placeholders["chat_link"], link_key(master, i.id)) for i in senders
    }


def _unlock_zones(institutions: Mapping[str, Institution]) -> dict[str, ZoneInfo]:
    return {i.id: i.zone for i in institutions.values() if i.self_unlock_per_day is not None}


def _renewal_zones(institutions: Mapping[str, Institution]) -> dict[str, ZoneInfo]:
    """The institutions whose certificates are renewed here."""
    return {i.id: i.zone for i in institutions.values() if "certificate_renew_window" in i.facts}


def _token_rules(institutions: Mapping[str, Institution]) -> dict[str, TokenRules]:
    """The institutions that have a software token of their own."""
    return {
        i.id: TokenRules(
            zone=i.zone,
            wrong_before_freeze=int(i.placeholders["token_freeze_after"]),
            freeze=timedelta(hours=int(i.placeholders["token_freeze_hours"])),
            permanent_after_freezes=i.facts["token_permanent_after_freezes"],
            delay={App(app): timedelta(hours=hours) for app, hours in i.facts["token_activation_delay_hours"].items()},
        )
        for i in institutions.values()
        if "token_activation_delay_hours" in i.facts
    }


def _template_facts(institutions: Mapping[str, Institution]) -> dict[str, dict[str, str]]:
    """Return, by institution, what its messages may name."""
    return {i.id: {**i.placeholders, "brand": i.brand, "jurisdiction": i.jurisdiction} for i in institutions.values()}
