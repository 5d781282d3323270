"""What every contender is asked: ten questions in three languages; the stock assistants are taught them word for word."""

from __future__ import annotations

# (topic, text); every topic is one of the institution that is asked by default.
QUESTIONS = (
    ("notice_opt_out", "通知信可以關掉嗎"),
    ("notice_futures_coverage", "期貨登入也會寄信嗎"),
    ("phone_lost", "手機掉了怎麼辦"),
    ("notice_mailbox_source", "which mailbox do they go to"),
    ("password_locked", "密碼打錯三次會怎樣"),
    ("notice_every_login", "为什么每次登录都收到邮件"),
    ("hotline", "客服電話幾號"),
    ("otp_not_received", "收不到驗證碼"),
    ("mailbox_update", "信箱要怎麼改"),
    ("certificate_renew", "憑證怎麼展延"),
)
