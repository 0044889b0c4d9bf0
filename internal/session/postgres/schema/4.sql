-- The profile of each owner who has one.
CREATE TABLE tallyman.profile (
	owner    text   COLLATE "C" PRIMARY KEY,
	revision bigint NOT NULL,
	content  bytea  NOT NULL
);

-- put_profile_4 is Store.PutProfile: it writes a profile over the revision that the
-- program saw, 0 for none. written is false if there is another, which revision then is.
-- The row is locked before it is compared. Programs that write the first profile at once
-- are decided by the primary key; those that come second look again.
CREATE FUNCTION tallyman.put_profile_4(
	p_owner text, p_revision bigint, p_content bytea, OUT written boolean, OUT revision bigint
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		SELECT p.revision INTO revision FROM tallyman.profile p WHERE p.owner = p_owner FOR UPDATE;
		IF FOUND THEN
			written := revision = p_revision;
			IF written THEN
				UPDATE tallyman.profile p SET revision = p.revision + 1, content = p_content WHERE p.owner = p_owner
					RETURNING p.revision INTO revision;
			END IF;
			RETURN;
		END IF;
		revision := 0;
		written := p_revision = 0;
		IF NOT written THEN
			RETURN;
		END IF;
		INSERT INTO tallyman.profile AS p (owner, revision, content) VALUES (p_owner, 1, p_content)
			ON CONFLICT (owner) DO NOTHING RETURNING p.revision INTO revision;
		IF FOUND THEN
			RETURN;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'others write the profile all the time' USING ERRCODE = 'serialization_failure';
END $$;
