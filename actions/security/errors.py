"""Every expected "no", with its facts and the name of its response.

    Refusal
    ├── SecretGone                 the reference into the vault is used, expired or another conversation's
    ├── AccountUnreadable          not letters and digits
    ├── BirthDateUnreadable        no date in it
    ├── ContactUnreadable          neither a phone number nor an e-mail address
    ├── NotIdentified              account and birth date come first
    ├── ChannelUnavailable         this institution does not send codes that way
    ├── ResendTooSoon              seconds until another code may be sent
    ├── OtpRefusal
    │   ├── OtpNotSent             no challenge is open
    │   ├── OtpMalformed           not the right number of digits; not counted
    │   ├── OtpWrong               left: attempts that remain
    │   ├── OtpExhausted           too many wrong entries; the challenge is void
    │   ├── OtpExpired
    │   ├── OtpUsed
    │   ├── OtpSuperseded          a newer code replaced it
    │   └── OtpOtherPurpose        sent for something else
    ├── UnlockRefusal
    │   ├── UnlockUnverified       no verified code for this purpose in this conversation
    │   ├── UnlockSuspended        the account is protected; the hotline only
    │   ├── UnlockNotLocked
    │   ├── UnlockNoCertificate    none, expired, revoked, not yet valid, or somebody else's
    │   ├── UnlockUsedToday        used_at, next_date; locked again
    │   └── UnlockDoneToday        used_at, next_date; and not locked now
    └── ReportRefusal
        ├── ReportIncomplete
        ├── ReportAlreadyFiled     the same key with other content; report: the first one's reference
        ├── ReportUnknown          report: as entered
        └── ReferenceUnreadable

A refusal is an answer, not a failure: the action says its response, with its facts as values.
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """An expected "no". `response` names the sentence, `facts` fill it."""

    response: ClassVar[str]

    def __init__(self, **facts: str | int) -> None:
        super().__init__(type(self).__name__)
        self.facts = facts


class SecretGone(Refusal):
    response = "utter_secret_gone"


class AccountUnreadable(Refusal):
    response = "utter_account_unreadable"


class BirthDateUnreadable(Refusal):
    response = "utter_birth_date_unreadable"


class ContactUnreadable(Refusal):
    response = "utter_report_contact_unreadable"


class NotIdentified(Refusal):
    response = "utter_secret_gone"


class ChannelUnavailable(Refusal):
    response = "utter_otp_channel_unavailable"


class ResendTooSoon(Refusal):
    response = "utter_otp_resend_too_soon"


class OtpRefusal(Refusal):
    """A code that is not accepted."""


class OtpNotSent(OtpRefusal):
    response = "utter_otp_not_sent"


class OtpMalformed(OtpRefusal):
    response = "utter_otp_malformed"


class OtpWrong(OtpRefusal):
    response = "utter_otp_wrong"


class OtpExhausted(OtpRefusal):
    response = "utter_otp_exhausted"


class OtpExpired(OtpRefusal):
    response = "utter_otp_expired"


class OtpUsed(OtpRefusal):
    response = "utter_otp_used"


class OtpSuperseded(OtpRefusal):
    response = "utter_otp_superseded"


class OtpOtherPurpose(OtpRefusal):
    response = "utter_otp_other_purpose"


class UnlockRefusal(Refusal):
    """An unlock that is not done."""


class UnlockUnverified(UnlockRefusal):
    response = "utter_unlock_unverified"


class UnlockSuspended(UnlockRefusal):
    response = "utter_unlock_suspended"


class UnlockNotLocked(UnlockRefusal):
    response = "utter_unlock_not_locked"


class UnlockNoCertificate(UnlockRefusal):
    response = "utter_unlock_no_certificate"


class UnlockUsedToday(UnlockRefusal):
    response = "utter_unlock_used_today"


class UnlockDoneToday(UnlockRefusal):
    response = "utter_unlock_done_today"


class ReportRefusal(Refusal):
    """A report that is not filed or not found."""


class ReportIncomplete(ReportRefusal):
    response = "utter_report_incomplete"


class ReportAlreadyFiled(ReportRefusal):
    response = "utter_report_already_filed"


class ReportUnknown(ReportRefusal):
    response = "utter_report_unknown"


class ReferenceUnreadable(ReportRefusal):
    response = "utter_status_reference_unreadable"
