CREATE TABLE challenge (
	id VARCHAR(32) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	identity VARCHAR(64) NOT NULL,
	account_id VARCHAR(32),
	purpose VARCHAR(32) NOT NULL,
	channel VARCHAR(8) NOT NULL,
	sent_to VARCHAR(255) NOT NULL,
	code_digest VARCHAR(64) NOT NULL,
	sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	resend_at TIMESTAMP WITH TIME ZONE NOT NULL,
	wrong INTEGER NOT NULL,
	used_at TIMESTAMP WITH TIME ZONE,
	used_reference VARCHAR(48),
	spent_at TIMESTAMP WITH TIME ZONE,
	superseded_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (id)
);
CREATE INDEX challenge_by_conversation ON challenge (conversation, sent_at);
CREATE INDEX ix_challenge_identity ON challenge (identity);
CREATE TABLE core_account (
	id VARCHAR(32) NOT NULL,
	institution VARCHAR(16) NOT NULL,
	number VARCHAR(32) NOT NULL,
	name VARCHAR(255) NOT NULL,
	birth_date DATE NOT NULL,
	phone VARCHAR(255),
	email VARCHAR(255),
	wrong_passwords INTEGER NOT NULL,
	locked_at TIMESTAMP WITH TIME ZONE,
	suspended_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (id),
	UNIQUE (institution, number)
);
CREATE TABLE error_report (
	reference VARCHAR(32) NOT NULL,
	key VARCHAR(64) NOT NULL,
	fingerprint VARCHAR(64) NOT NULL,
	institution VARCHAR(16) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	platform VARCHAR(255) NOT NULL,
	description TEXT NOT NULL,
	since TEXT NOT NULL,
	contact_ciphertext BYTEA,
	status VARCHAR(16) NOT NULL,
	filed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (reference),
	UNIQUE (key)
);
CREATE TABLE identification (
	conversation VARCHAR(64) NOT NULL,
	institution VARCHAR(16) NOT NULL,
	account_reference VARCHAR(48) NOT NULL,
	account_ciphertext BYTEA NOT NULL,
	birth_date_reference VARCHAR(48),
	identity VARCHAR(64),
	account_id VARCHAR(32),
	sms VARCHAR(255),
	email VARCHAR(255),
	completed_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (conversation)
);
CREATE TABLE outbox (
	id VARCHAR(32) NOT NULL,
	kind VARCHAR(32) NOT NULL,
	channel VARCHAR(8) NOT NULL,
	at_most_once BOOLEAN NOT NULL,
	ciphertext BYTEA NOT NULL,
	state VARCHAR(8) NOT NULL,
	attempts INTEGER NOT NULL,
	queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	sent_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (id)
);
CREATE INDEX outbox_due ON outbox (state, due_at);
CREATE TABLE report_contact (
	reference VARCHAR(48) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	ciphertext BYTEA NOT NULL,
	masked VARCHAR(255) NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (reference)
);
CREATE TABLE unlock (
	receipt VARCHAR(32) NOT NULL,
	account_id VARCHAR(32) NOT NULL,
	day DATE NOT NULL,
	challenge_id VARCHAR(32) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (receipt),
	UNIQUE (account_id, day),
	UNIQUE (challenge_id)
);
CREATE TABLE vault (
	reference VARCHAR(48) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	ciphertext BYTEA NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	taken_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (reference)
);
CREATE INDEX ix_vault_expires_at ON vault (expires_at);
CREATE TABLE core_certificate (
	serial VARCHAR(64) NOT NULL,
	account_id VARCHAR(32) NOT NULL,
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
	valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
	revoked_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (serial),
	FOREIGN KEY(account_id) REFERENCES core_account (id)
);
CREATE INDEX ix_core_certificate_account_id ON core_certificate (account_id);
CREATE TABLE core_software_token (
	account_id VARCHAR(32) NOT NULL,
	enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
	wrong_passwords INTEGER NOT NULL,
	freezes INTEGER NOT NULL,
	frozen_until TIMESTAMP WITH TIME ZONE,
	frozen_for_good_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (account_id),
	FOREIGN KEY(account_id) REFERENCES core_account (id)
);
