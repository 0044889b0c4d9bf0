-- The first schema. Times and lives are in milliseconds, times since 1970 in UTC.
--
-- The name of each function that programs call ends with the version of the schema
-- that added it. Its meaning never changes, because older programs go on calling it
-- until they are stopped; see the package comment.

-- One row for each session: live, or expired and not swept yet. Every change of
-- a session locks its row first.
CREATE TABLE tallyman.session (
	owner       text   COLLATE "C" NOT NULL,
	id          text   COLLATE "C" NOT NULL,
	kind        text   NOT NULL, -- named or cookie
	incarnation uuid   NOT NULL,
	revision    bigint NOT NULL,
	created     bigint NOT NULL,
	used        bigint NOT NULL, -- late by at most 1/16 of the life
	ended       bigint,          -- when it was found expired; used is 0 then
	PRIMARY KEY (owner, id)
) WITH (fillfactor = 80);
CREATE INDEX session_used ON tallyman.session (kind, used);

-- The files of a session, which belong to an incarnation. They change only under
-- the lock of the session's row.
CREATE TABLE tallyman.file (
	incarnation    uuid    NOT NULL,
	slot           text    NOT NULL, -- bol or orders
	place          integer NOT NULL, -- the order within the slot
	name           text    NOT NULL,
	content        uuid    NOT NULL,
	size           bigint  NOT NULL,
	sha256         bytea   NOT NULL,
	reading        uuid,             -- NULL for none
	reading_size   bigint  NOT NULL,
	reading_sha256 bytea   NOT NULL,
	summary        bytea,            -- JSON as it was given, NULL for none
	attached       bigint  NOT NULL,
	PRIMARY KEY (incarnation, slot, place)
);

-- One row for each content that files name. The primary key makes a content belong
-- to one session; a content without a row is an orphan.
CREATE TABLE tallyman.content (key uuid PRIMARY KEY);

-- Secrets that all programs on the database share.
CREATE TABLE tallyman.secret (
	name    text PRIMARY KEY,
	value   bytea NOT NULL,
	created timestamptz NOT NULL DEFAULT now()
);

-- The API keys: hashes only.
CREATE TABLE tallyman.api_key (
	name    text COLLATE "C" PRIMARY KEY, -- the owner of the sessions made with it
	admin   boolean NOT NULL,
	sha256  bytea NOT NULL,
	created timestamptz NOT NULL DEFAULT now()
);

-- A row to write to without changing anything, which shows whether writes work.
CREATE TABLE tallyman.probe (n bigint NOT NULL);
INSERT INTO tallyman.probe VALUES (0);

-- The answer of an operation on a session.
CREATE TYPE tallyman.answer_1 AS (
	outcome         text,   -- found, begun, attached, cleared; or why not
	kind            text,
	incarnation     uuid,
	revision        bigint,
	created         bigint,
	at              bigint, -- when it took effect
	used            bigint, -- what the row says now
	-- The files, an element for each, in order.
	slots           text[],
	names           text[],
	contents        uuid[],
	sizes           bigint[],
	sha256s         bytea[],
	readings        uuid[],
	reading_sizes   bigint[],
	reading_sha256s bytea[],
	summaries       bytea[],
	attached        bigint[],
	-- What it removed.
	removed_files    bigint,
	removed_bytes    bigint,
	removed_contents uuid[],
	-- How many there are, if that was counted: sessions, or files if too many.
	counted         bigint
);

-- given is the latest time that a program has passed. It is a sequence because other
-- transactions see a sequence's value before the commit.
CREATE SEQUENCE tallyman.given MINVALUE 0 START 0;

-- clock_1 returns the time: the database's, or the one that the program passed. A
-- program reads its time before its operation waits for its turn. So clock_1 never
-- returns a time before one that was passed earlier: otherwise a session that
-- another operation has just ended could begin again in the past.
CREATE FUNCTION tallyman.clock_1(p_now bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	v_latest bigint;
BEGIN
	IF p_now IS NULL THEN
		RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;
	END IF;
	SELECT last_value INTO v_latest FROM tallyman.given;
	IF p_now > v_latest THEN
		PERFORM pg_advisory_lock(8387794215404658786);
		SELECT last_value INTO v_latest FROM tallyman.given;
		IF p_now > v_latest THEN
			PERFORM setval('tallyman.given', p_now);
		END IF;
		PERFORM pg_advisory_unlock(8387794215404658786);
	END IF;
	RETURN greatest(p_now, v_latest);
END $$;

-- files_1 returns the files of an incarnation, in order.
CREATE FUNCTION tallyman.files_1(
	p_incarnation uuid,
	OUT slots text[], OUT names text[], OUT contents uuid[], OUT sizes bigint[], OUT sha256s bytea[],
	OUT readings uuid[], OUT reading_sizes bigint[], OUT reading_sha256s bytea[], OUT summaries bytea[], OUT attached bigint[]
) LANGUAGE sql STABLE AS $$
	SELECT array_agg(f.slot), array_agg(f.name), array_agg(f.content), array_agg(f.size), array_agg(f.sha256),
			array_agg(f.reading), array_agg(f.reading_size), array_agg(f.reading_sha256), array_agg(f.summary), array_agg(f.attached)
		FROM (SELECT * FROM tallyman.file WHERE incarnation = p_incarnation ORDER BY slot, place) f
$$;

-- life_1 returns the life of an unused session of a kind.
CREATE FUNCTION tallyman.life_1(p_kind text, p_named bigint, p_cookie bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE p_kind WHEN 'cookie' THEN p_cookie ELSE p_named END
$$;

-- fresh_1 answers from one snapshot and without a lock. The outcome is found if the
-- session is alive and nothing needs to be written, because the last use in its row
-- is less than a part of its life ago. It is gone if there is no session, and NULL
-- if the lock is needed to decide.
--
-- It is one statement because each statement of a function has its own snapshot:
-- with two statements, row and files could be from different states.
CREATE FUNCTION tallyman.fresh_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint, p_parts bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_ended bigint;
BEGIN
	SELECT s.kind, s.incarnation, s.revision, s.created, s.used, s.ended,
			f.slots, f.names, f.contents, f.sizes, f.sha256s, f.readings, f.reading_sizes, f.reading_sha256s, f.summaries, f.attached
		INTO a.kind, a.incarnation, a.revision, a.created, a.used, v_ended,
			a.slots, a.names, a.contents, a.sizes, a.sha256s, a.readings, a.reading_sizes, a.reading_sha256s, a.summaries, a.attached
		FROM tallyman.session s CROSS JOIN LATERAL tallyman.files_1(s.incarnation) f
		WHERE s.owner = p_owner AND s.id = p_id;
	IF NOT FOUND OR v_ended IS NOT NULL THEN
		a.outcome := 'gone';
		RETURN a;
	END IF;
	a.at := greatest(tallyman.clock_1(p_now), a.used);
	IF a.at - a.used < tallyman.life_1(a.kind, p_named, p_cookie) / p_parts THEN
		a.outcome := 'found';
	END IF;
	RETURN a;
END $$;

-- held_1 locks a session's row and decides finally whether the session lives. The
-- outcome is alive or expired, and NULL if there is no row. An expired session is
-- marked, so that no slow clock brings it back.
CREATE FUNCTION tallyman.held_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_ended bigint;
BEGIN
	SELECT s.kind, s.incarnation, s.revision, s.created, s.used, s.ended
		INTO a.kind, a.incarnation, a.revision, a.created, a.used, v_ended
		FROM tallyman.session s WHERE s.owner = p_owner AND s.id = p_id FOR UPDATE;
	IF NOT FOUND THEN
		a.at := tallyman.clock_1(p_now);
		RETURN a;
	END IF;
	-- Read the clock after the lock, and never go back before the times in the row.
	a.at := greatest(tallyman.clock_1(p_now), a.used, v_ended);
	IF v_ended IS NULL AND a.at - a.used < tallyman.life_1(a.kind, p_named, p_cookie) THEN
		a.outcome := 'alive';
		RETURN a;
	END IF;
	a.outcome := 'expired';
	IF v_ended IS NULL THEN
		UPDATE tallyman.session SET ended = a.at, used = 0 WHERE owner = p_owner AND id = p_id;
	END IF;
	RETURN a;
END $$;

-- filled_1 puts the files of a locked session into an answer.
CREATE FUNCTION tallyman.filled_1(a tallyman.answer_1) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	SELECT f.slots, f.names, f.contents, f.sizes, f.sha256s, f.readings, f.reading_sizes, f.reading_sha256s, f.summaries, f.attached
		INTO a.slots, a.names, a.contents, a.sizes, a.sha256s, a.readings, a.reading_sizes, a.reading_sha256s, a.summaries, a.attached
		FROM tallyman.files_1(a.incarnation) f;
	RETURN a;
END $$;

-- used_1 finishes an answer about a live, locked session. The operation counts as a
-- use, which is written if the use in the row is a part of the life or more ago.
CREATE FUNCTION tallyman.used_1(
	a tallyman.answer_1, p_owner text, p_id text, p_named bigint, p_cookie bigint, p_parts bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF a.at > a.used AND a.at - a.used >= tallyman.life_1(a.kind, p_named, p_cookie) / p_parts THEN
		UPDATE tallyman.session SET used = a.at WHERE owner = p_owner AND id = p_id;
		a.used := a.at;
	END IF;
	a.outcome := 'found';
	RETURN tallyman.filled_1(a);
END $$;

-- emptied_1 removes all files of incarnations whose sessions are locked.
CREATE FUNCTION tallyman.emptied_1(
	p_incarnations uuid[], OUT files bigint, OUT bytes bigint, OUT contents uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	WITH gone AS (
		DELETE FROM tallyman.file WHERE incarnation = ANY (p_incarnations) RETURNING content, size, reading
	), keys AS (
		SELECT content AS key FROM gone UNION SELECT reading FROM gone WHERE reading IS NOT NULL
	), unnamed AS (
		DELETE FROM tallyman.content c USING keys k WHERE c.key = k.key
	)
	SELECT count(*), coalesce(sum(size), 0), array(SELECT key FROM keys) INTO files, bytes, contents FROM gone;
END $$;

-- ended_1 removes the files of a locked session. Files of an expired session are not counted.
CREATE FUNCTION tallyman.ended_1(a tallyman.answer_1) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	SELECT e.files, e.bytes, e.contents INTO a.removed_files, a.removed_bytes, a.removed_contents
		FROM tallyman.emptied_1(ARRAY[a.incarnation]) e;
	IF a.outcome = 'expired' THEN
		a.removed_files := 0;
		a.removed_bytes := 0;
	END IF;
	RETURN a;
END $$;

-- get_1 is Store.Get. The outcome is found or gone.
CREATE FUNCTION tallyman.get_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint, p_parts bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
BEGIN
	a := tallyman.fresh_1(p_owner, p_id, p_now, p_named, p_cookie, p_parts);
	IF a.outcome IS NOT NULL THEN
		RETURN a;
	END IF;
	a := tallyman.held_1(p_owner, p_id, p_now, p_named, p_cookie);
	IF a.outcome = 'alive' THEN
		RETURN tallyman.used_1(a, p_owner, p_id, p_named, p_cookie, p_parts);
	END IF;
	a.outcome := 'gone';
	RETURN a;
END $$;

-- begin_1 is Store.New if p_anew, else Store.Open. The outcome is found or begun, full
-- if there are p_max sessions, or counting if another operation counts them at the
-- moment. If p_max is NULL nothing is counted.
CREATE FUNCTION tallyman.begin_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint, p_parts bigint,
	p_anew boolean, p_kind text, p_incarnation uuid, p_max bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_sessions bigint;
BEGIN
	IF NOT p_anew THEN
		a := tallyman.fresh_1(p_owner, p_id, p_now, p_named, p_cookie, p_parts);
		IF a.outcome = 'found' THEN
			RETURN a;
		END IF;
	END IF;
	FOR i IN 1 .. 100 LOOP
		a := tallyman.held_1(p_owner, p_id, p_now, p_named, p_cookie);
		IF a.outcome = 'alive' AND NOT p_anew THEN
			RETURN tallyman.used_1(a, p_owner, p_id, p_named, p_cookie, p_parts);
		END IF;
		IF a.outcome IS NOT NULL THEN
			a := tallyman.ended_1(a);
			UPDATE tallyman.session
				SET kind = p_kind, incarnation = p_incarnation, revision = 1, created = a.at, used = a.at, ended = NULL
				WHERE owner = p_owner AND id = p_id;
			EXIT;
		END IF;
		IF p_max IS NOT NULL AND v_sessions IS NULL THEN
			IF p_max <= 0 THEN
				a.outcome := 'full';
				RETURN a;
			END IF;
			-- The operation that counts keeps the others out until it has
			-- committed. They do not wait here, but return.
			IF NOT pg_try_advisory_xact_lock(8387794215404658785) THEN
				a.outcome := 'counting';
				RETURN a;
			END IF;
			SELECT count(*) INTO v_sessions FROM tallyman.session;
			IF v_sessions >= p_max THEN
				a.outcome := 'full';
				a.counted := v_sessions;
				RETURN a;
			END IF;
		END IF;
		INSERT INTO tallyman.session (owner, id, kind, incarnation, revision, created, used)
			VALUES (p_owner, p_id, p_kind, p_incarnation, 1, a.at, a.at)
			ON CONFLICT (owner, id) DO NOTHING;
		EXIT WHEN FOUND;
		-- Another operation began it after we looked: look again.
		IF i = 100 THEN
			RAISE EXCEPTION 'others begin and end the session all the time' USING ERRCODE = 'serialization_failure';
		END IF;
	END LOOP;
	a.outcome := 'begun';
	a.kind := p_kind;
	a.incarnation := p_incarnation;
	a.revision := 1;
	a.created := a.at;
	a.used := a.at;
	a.counted := v_sessions;
	RETURN a;
END $$;

-- clear_1 is Store.Clear. The outcome is cleared.
CREATE FUNCTION tallyman.clear_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
BEGIN
	a := tallyman.held_1(p_owner, p_id, p_now, p_named, p_cookie);
	IF a.outcome IS NOT NULL THEN
		a := tallyman.ended_1(a);
		DELETE FROM tallyman.session WHERE owner = p_owner AND id = p_id;
	END IF;
	a.outcome := 'cleared';
	RETURN a;
END $$;

-- attach_1 is Store.Attach: session.State.Attach in SQL, on the locked session.
-- The outcome is attached, superseded, changed or too_many. It raises TM001 if a
-- content belongs to another session.
CREATE FUNCTION tallyman.attach_1(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint,
	p_incarnation uuid, p_revision bigint, p_slot text, p_mode text, p_most bigint,
	p_names text[], p_contents uuid[], p_sizes bigint[], p_sha256s bytea[],
	p_readings uuid[], p_reading_sizes bigint[], p_reading_sha256s bytea[], p_summaries bytea[]
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_now bigint;
	v_old uuid[];        -- the contents of the earlier files
	v_old_sizes bigint[];
	v_named uuid[];      -- everything named before, readings too
	v_names uuid[];      -- everything named afterwards
	v_place integer;
	v_bols bigint;
	v_new bigint := cardinality(p_contents);
	v_matched bigint;
BEGIN
	a := tallyman.held_1(p_owner, p_id, p_now, p_named, p_cookie);
	IF a.outcome IS DISTINCT FROM 'alive' OR a.incarnation <> p_incarnation THEN
		a.outcome := 'superseded';
		RETURN a;
	END IF;
	IF p_revision <> 0 AND p_revision <> a.revision THEN
		a.outcome := 'changed';
		RETURN a;
	END IF;
	SELECT array_agg(f.content), array_agg(f.size), count(*) FILTER (WHERE f.slot = 'bol'), coalesce(max(f.place) FILTER (WHERE f.slot = 'bol'), 0)
		INTO v_old, v_old_sizes, v_bols, v_place
		FROM tallyman.file f WHERE f.incarnation = p_incarnation;
	v_named := array(
		SELECT content FROM tallyman.file WHERE incarnation = p_incarnation
		UNION SELECT reading FROM tallyman.file WHERE incarnation = p_incarnation AND reading IS NOT NULL);

	IF p_mode = 'update' THEN
		UPDATE tallyman.file f
			SET reading = n.reading, reading_size = n.reading_size, reading_sha256 = n.reading_sha256, summary = n.summary
			FROM unnest(p_contents, p_sizes, p_sha256s, p_readings, p_reading_sizes, p_reading_sha256s, p_summaries)
				AS n (content, size, sha256, reading, reading_size, reading_sha256, summary)
			WHERE f.incarnation = p_incarnation AND f.slot = p_slot
				AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256;
		GET DIAGNOSTICS v_matched = ROW_COUNT;
		IF v_matched <> v_new THEN
			RAISE EXCEPTION 'a file to update is not there' USING ERRCODE = 'TM002';
		END IF;
	ELSE
		IF p_slot = 'bol' AND v_new + (CASE p_mode WHEN 'append' THEN v_bols ELSE 0 END) > p_most THEN
			a.outcome := 'too_many';
			a.counted := v_new + CASE p_mode WHEN 'append' THEN v_bols ELSE 0 END;
			RETURN a;
		END IF;
		IF p_mode = 'replace' THEN
			-- Other bills mean another workflow: they drop the orders as well.
			DELETE FROM tallyman.file WHERE incarnation = p_incarnation AND (p_slot = 'bol' OR slot = p_slot);
		END IF;
		INSERT INTO tallyman.file (incarnation, slot, place, name, content, size, sha256, reading, reading_size, reading_sha256, summary, attached)
			SELECT p_incarnation, p_slot, v_place + n.place, n.name, n.content, n.size, n.sha256,
					n.reading, n.reading_size, n.reading_sha256, n.summary, a.at
				FROM unnest(p_names, p_contents, p_sizes, p_sha256s, p_readings, p_reading_sizes, p_reading_sha256s, p_summaries)
					WITH ORDINALITY AS n (name, content, size, sha256, reading, reading_size, reading_sha256, summary, place);
	END IF;

	v_names := array(
		SELECT content FROM tallyman.file WHERE incarnation = p_incarnation
		UNION SELECT reading FROM tallyman.file WHERE incarnation = p_incarnation AND reading IS NOT NULL);
	SELECT count(*), coalesce(sum(o.size), 0) INTO a.removed_files, a.removed_bytes
		FROM unnest(v_old, v_old_sizes) AS o (content, size) WHERE o.content <> ALL (v_names);
	a.removed_contents := array(SELECT unnest(v_named) EXCEPT SELECT unnest(v_names));
	DELETE FROM tallyman.content WHERE key = ANY (a.removed_contents);
	-- Use one order everywhere, to avoid a deadlock between two operations that claim
	-- the same contents.
	INSERT INTO tallyman.content
		SELECT key FROM (SELECT unnest(v_names) AS key EXCEPT SELECT unnest(v_named)) n ORDER BY key
		ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS v_matched = ROW_COUNT;
	IF v_matched <> (SELECT count(*) FROM (SELECT unnest(v_names) EXCEPT SELECT unnest(v_named)) n) THEN
		RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';
	END IF;

	UPDATE tallyman.session SET revision = revision + 1, used = a.at WHERE owner = p_owner AND id = p_id;
	a.revision := a.revision + 1;
	a.used := a.at;
	a.outcome := 'attached';
	RETURN tallyman.filled_1(a);
END $$;

-- expire_1 is Store.Expire. It skips locked rows: their sessions are in use, or being
-- swept by another program.
CREATE FUNCTION tallyman.expire_1(
	p_now bigint, p_named bigint, p_cookie bigint, p_limit bigint,
	OUT sessions bigint, OUT files bigint, OUT bytes bigint, OUT contents uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	v_now bigint := tallyman.clock_1(p_now);
	v_kind text;
	v_owners text[];
	v_ids text[];
	v_incarnations uuid[];
	x record;
BEGIN
	sessions := 0;
	files := 0;
	bytes := 0;
	contents := '{}';
	FOREACH v_kind IN ARRAY ARRAY['named', 'cookie'] LOOP
		SELECT array_agg(s.owner), array_agg(s.id), array_agg(s.incarnation) INTO v_owners, v_ids, v_incarnations FROM (
			SELECT owner, id, incarnation FROM tallyman.session
				WHERE kind = v_kind AND used <= v_now - tallyman.life_1(v_kind, p_named, p_cookie)
				ORDER BY used LIMIT p_limit - sessions
				FOR UPDATE SKIP LOCKED
		) s;
		CONTINUE WHEN v_incarnations IS NULL;
		SELECT * INTO x FROM tallyman.emptied_1(v_incarnations);
		DELETE FROM tallyman.session s USING unnest(v_owners, v_ids) AS e (owner, id) WHERE s.owner = e.owner AND s.id = e.id;
		sessions := sessions + cardinality(v_incarnations);
		files := files + x.files;
		bytes := bytes + x.bytes;
		contents := contents || x.contents;
	END LOOP;
END $$;

-- uses_1 writes last uses that programs noted in memory. It skips locked rows, and
-- returns the incarnations of the rows that it wrote. It need not be durable: a
-- crash may lose noted uses.
CREATE FUNCTION tallyman.uses_1(
	p_owners text[], p_ids text[], p_incarnations uuid[], p_uses bigint[]
) RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	RETURN QUERY
		WITH mine AS (
			SELECT s.owner, s.id, u.used
				FROM unnest(p_owners, p_ids, p_incarnations, p_uses) AS u (owner, id, incarnation, used)
					JOIN tallyman.session s ON s.owner = u.owner AND s.id = u.id
				WHERE s.incarnation = u.incarnation AND s.ended IS NULL
				FOR UPDATE OF s SKIP LOCKED
		)
		UPDATE tallyman.session s SET used = greatest(s.used, m.used) FROM mine m
			WHERE s.owner = m.owner AND s.id = m.id RETURNING s.incarnation;
END $$;

-- check_1 is Store.Check: it makes a write, and returns the server's settings.
CREATE FUNCTION tallyman.check_1(
	OUT fsync text, OUT full_page_writes text, OUT synchronous_commit text, OUT version integer, OUT oldest integer
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	UPDATE tallyman.probe SET n = n + 1;
	SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), s.version, s.oldest
		INTO fsync, full_page_writes, synchronous_commit, version, oldest
		FROM tallyman.schema s;
END $$;
