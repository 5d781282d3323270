"""Every expected "no", with its facts and the name of its response.

    Refusal
    ├── SecretGone                 the reference into the vault is used, expired or another conversation's
    ├── AccountUnreadable          not letters and digits
    ├── BirthDateUnreadable        no date in it
    ├── ContactUnreadable          neither a phone number nor an e-mail address
    ├── NotIdentified              account and birth date come first
    ├── ChannelUnavailable         this institution does not send codes that way
    ├── ResendTooSoon              seconds until another code may be sent
    ├── SendsUsedUp                next_at: when another code may be sent
    ├── GuessRefusal
    │   ├── GuessesUsedUp          today's are used; next_date
    │   ├── GuessesHotlineOnly     too many wrong in a row, until staff lifts it
    │   └── GuessesPaused          too many wrong over all accounts; next_date
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
    ├── ReportRefusal
    │   ├── ReportIncomplete
    │   ├── ReportAlreadyFiled     the same key with other content; report: the first one's reference
    │   ├── ReportUnknown          report: as entered
    │   └── ReferenceUnreadable
    ├── PasswordRefusal
    │   ├── PasswordWrong          left: entries that remain
    │   ├── PasswordLocked         not looked at
    │   ├── PasswordMustChange     an initial password only changes itself
    │   ├── ReissueNoCertificate   none that is valid
    │   └── ReissueNoMailbox       none on record that the initial password could go to
    ├── RenewalRefusal
    │   ├── RenewalNoCertificate   none that is valid: neither renewed nor applied for here
    │   ├── RenewalOutOfOrder      step: the one that is next
    │   ├── RenewalStopped         the customer said "not mine", or the birth date was wrong too often
    │   ├── RenewalCodeExpired
    │   ├── RenewalTooLate         the verified code is no longer good for the rest; start again
    │   └── RenewalBirthDateWrong  left: entries that remain
    ├── TokenRefusal
    │   ├── TokenNeedsLogin        whoever is not logged in moves no counter
    │   ├── TokenNotActive         none, suspended or revoked, or not in this app
    │   ├── TokenAlreadyActive
    │   ├── TokenOtherDevice       both apps are on one device
    │   ├── TokenNotYetUsable      usable_at
    │   ├── TokenWrong             left: entries that remain
    │   ├── TokenFrozen            frozen_until; not looked at
    │   ├── TokenFrozenForGood     not looked at
    │   ├── TokenNotFrozen         nothing to unfreeze
    │   └── TokenReleaseRefused    not a way out of this freeze, or one person alone
    ├── FactorsMissing             what was proven is not enough for this
    ├── AccountProtected           report: the reference; the hotline only
    ├── ProtectionStays            only the hotline lifts it
    ├── ProtectionPending          report: protected here; the core system has not suspended the login yet
    ├── NoticeUnknown              no notice of ours by that reference, or not this customer's
    ├── CoreRefusal
    │   ├── CoreUnavailable        the firm's system does not answer; nothing was done
    │   └── CoreOutcomeUnknown     it may have been done; the same act later tells
    │       └── CoreAnswerAwaited  … and we go on asking by ourselves
    └── CommandKeyReused           the same key with other content; receipt: the first one's

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


class SendsUsedUp(Refusal):
    response = "utter_sends_used_up"


class GuessRefusal(Refusal):
    """A code that is not looked at any more, right or wrong."""


class GuessesUsedUp(GuessRefusal):
    response = "utter_guesses_used_up"


class GuessesHotlineOnly(GuessRefusal):
    response = "utter_guesses_hotline_only"


class GuessesPaused(GuessRefusal):
    response = "utter_guesses_paused"


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


class PasswordRefusal(Refusal):
    """A password that is not accepted, changed or reissued."""


class PasswordWrong(PasswordRefusal):
    response = "utter_password_wrong"


class PasswordLocked(PasswordRefusal):
    response = "utter_password_is_locked"


class PasswordMustChange(PasswordRefusal):
    response = "utter_password_must_change"


class ReissueNoCertificate(PasswordRefusal):
    response = "utter_reissue_no_certificate"


class ReissueNoMailbox(PasswordRefusal):
    response = "utter_reissue_no_mailbox"


class RenewalRefusal(Refusal):
    """A step of a certificate renewal that is not taken."""


class RenewalNoCertificate(RenewalRefusal):
    response = "utter_renewal_no_certificate"


class RenewalOutOfOrder(RenewalRefusal):
    response = "utter_renewal_out_of_order"


class RenewalStopped(RenewalRefusal):
    response = "utter_renewal_stopped"


class RenewalCodeExpired(RenewalRefusal):
    response = "utter_renewal_code_expired"


class RenewalTooLate(RenewalRefusal):
    response = "utter_renewal_too_late"


class RenewalBirthDateWrong(RenewalRefusal):
    response = "utter_renewal_birth_date_wrong"


class TokenRefusal(Refusal):
    """A software token that does not do what is asked."""


class TokenNeedsLogin(TokenRefusal):
    response = "utter_token_needs_login"


class TokenNotActive(TokenRefusal):
    response = "utter_token_not_active"


class TokenAlreadyActive(TokenRefusal):
    response = "utter_token_already_active"


class TokenOtherDevice(TokenRefusal):
    response = "utter_token_other_device"


class TokenNotYetUsable(TokenRefusal):
    response = "utter_token_not_yet_usable"


class TokenWrong(TokenRefusal):
    response = "utter_token_wrong"


class TokenFrozen(TokenRefusal):
    response = "utter_token_is_frozen"


class TokenFrozenForGood(TokenRefusal):
    response = "utter_token_is_frozen_for_good"


class TokenNotFrozen(TokenRefusal):
    response = "utter_token_not_frozen"


class TokenReleaseRefused(TokenRefusal):
    response = "utter_token_release_refused"


class FactorsMissing(Refusal):
    response = "utter_factors_missing"


class AccountProtected(Refusal):
    response = "utter_account_protected"


class ProtectionPending(Refusal):
    response = "utter_protection_pending"


class ProtectionStays(Refusal):
    response = "utter_protection_stays"


class CommandKeyReused(Refusal):
    response = "utter_command_key_reused"


class NoticeUnknown(Refusal):
    response = "utter_notice_unknown"


class CoreRefusal(Refusal):
    """The firm's own system did not do its part."""


class CoreUnavailable(CoreRefusal):
    response = "utter_core_unavailable"


class CoreOutcomeUnknown(CoreRefusal):
    response = "utter_core_outcome_unknown"


class CoreAnswerAwaited(CoreOutcomeUnknown):
    """As above, and we go on asking by ourselves."""

    response = "utter_core_answer_awaited"
