"""The composition root: the only place that knows every part and puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from actions.adapters.aes_gcm import AesGcm
from actions.adapters.demo_customers import seed
from actions.adapters.embedded_core import EmbeddedCore
from actions.adapters.embedded_outbox import EmbeddedOutbox
from actions.adapters.sms_http import SmsGateway
from actions.adapters.smtp import ByChannel, SmtpMessenger
from actions.adapters.system_clock import SystemClock
from actions.adapters.templates import JinjaTemplates
from actions.services.error_report import ErrorReport
from actions.services.identification import Identification
from actions.services.one_time_password import OneTimePassword
from actions.services.outbox import Outbox
from actions.services.password_unlock import PasswordUnlock
from actions.services.ports import Clock, Messenger, OtpRules
from actions.services.vault import Vault
from actions.storage.database import UnfitDatabase
from actions.storage.unit_of_work import UnitOfWork, open_database
from bot.content.institutions import DEFAULT_INSTITUTION, Institution, load_institutions
from bot.contracts.keys import derive, load_or_create_master_key
from bot.settings import SettingProblem, Settings, Sms


@dataclass
class Services:
    """Everything a custom action or the internal API may call."""

    work: UnitOfWork
    clock: Clock
    institutions: Mapping[str, Institution]
    vault: Vault
    identification: Identification
    one_time_password: OneTimePassword
    password_unlock: PasswordUnlock
    error_report: ErrorReport
    outbox: Outbox
    _relays: set[asyncio.Task[int]] = field(default_factory=set)

    def relay_soon(self) -> None:
        """Send what is due, without making the caller wait."""
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self.outbox.relay))
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)


def build(settings: Settings, clock: Clock | None = None, messenger: Messenger | None = None) -> Services:
    """Return the services as the settings say; tests bring their own clock and messenger."""
    clock = clock or SystemClock()
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    master = load_or_create_master_key(settings.key_file)
    cipher, pepper = AesGcm(derive(master, "encrypt at rest")), derive(master, "pepper of codes")
    work = open_security_database(settings)
    institutions = load_institutions()
    zones = {id_: institution.zone for id_, institution in institutions.items()}
    if not settings.production:
        seed(work, clock.now(), zones[DEFAULT_INSTITUTION])
    core, vault = EmbeddedCore(), Vault(work, clock, cipher)
    messenger = messenger or _messenger(settings, institutions[DEFAULT_INSTITUTION].otp_ttl_seconds["sms"])
    outbox = Outbox(work, clock, cipher, JinjaTemplates(_template_facts(institutions)), messenger)
    identification = Identification(work, clock, cipher, vault, core, pepper)
    rules = {id_: _otp_rules(institution) for id_, institution in institutions.items()}
    return Services(
        work=work,
        clock=clock,
        institutions=institutions,
        vault=vault,
        identification=identification,
        one_time_password=OneTimePassword(work, clock, vault, identification, core, outbox, rules, pepper),
        password_unlock=PasswordUnlock(work, clock, core, outbox, _unlock_zones(institutions)),
        error_report=ErrorReport(work, clock, cipher, vault, zones),
        outbox=outbox,
    )


def open_security_database(settings: Settings) -> UnitOfWork:
    """Return the account-security database; raise `SettingProblem` where it cannot be used as it is."""
    try:
        return open_database(settings.security_url)
    except UnfitDatabase as problem:
        raise SettingProblem(f"ANXIN_SECURITY_URL: {problem}") from problem


def _messenger(settings: Settings, sms_seconds: int) -> Messenger:
    """Return what sends; the embedded outbox takes a channel that has no server, but never in production."""
    if settings.production and (settings.sms is None or settings.smtp is None):
        raise SettingProblem(
            "ANXIN_MODE=production needs ANXIN_SMS_URL and ANXIN_SMTP_HOST: codes must not go to a file. "
            "Use ANXIN_MODE=embedded to try things out."
        )
    sms: Messenger = EmbeddedOutbox(settings.outbox_file)
    email: Messenger = sms
    if settings.sms:
        sms = _sms_gateway(settings.sms, sms_seconds)
    if settings.smtp:
        s = settings.smtp
        email = SmtpMessenger(s.host, s.port, s.user, s.password, s.tls, s.sender)
    return ByChannel(sms=sms, email=email)


def _sms_gateway(sms: Sms, ttl_seconds: int) -> SmsGateway:
    try:
        return SmsGateway(sms.url, sms.key, ttl_seconds, sms.ca_file)
    except OSError as problem:  # ssl.SSLError is one
        raise SettingProblem(f"ANXIN_SMS_CA_FILE={sms.ca_file}: holds no certificates (PEM).") from problem


def _otp_rules(institution: Institution) -> OtpRules:
    return OtpRules(
        digits=institution.otp_digits,
        ttl_seconds=institution.otp_ttl_seconds,
        resend_seconds=institution.otp_resend_seconds,
        wrong_attempts=institution.otp_wrong_attempts,
    )


def _unlock_zones(institutions: Mapping[str, Institution]) -> dict[str, ZoneInfo]:
    return {i.id: i.zone for i in institutions.values() if i.self_unlock_per_day is not None}


def _template_facts(institutions: Mapping[str, Institution]) -> dict[str, str]:
    """Facts of the institution that sends messages; today that is one."""
    institution = institutions[DEFAULT_INSTITUTION]
    return {**institution.placeholders, "brand": institution.brand}
