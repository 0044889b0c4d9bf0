-- An owner may have two keys; keys can be read-only and expire.
ALTER TABLE tallyman.api_key
	ADD COLUMN read_only boolean NOT NULL DEFAULT false,
	ADD COLUMN expires timestamptz,
	DROP CONSTRAINT api_key_pkey,
	ADD PRIMARY KEY (name, sha256);
