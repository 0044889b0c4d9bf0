-- Sessions that come from another store.

-- import_2 is Importer.Import. The outcome is begun, replaced, there or conflict; or
-- full or counting as in begin_1. The arrays have one element per file, in order. It
-- raises TM001 if a content belongs to another session.
CREATE FUNCTION tallyman.import_2(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint, p_max bigint,
	p_kind text, p_incarnation uuid, p_revision bigint, p_created bigint, p_used bigint,
	p_slots text[], p_names text[], p_contents uuid[], p_sizes bigint[], p_sha256s bytea[],
	p_readings uuid[], p_reading_sizes bigint[], p_reading_sha256s bytea[], p_summaries bytea[], p_attached bigint[]
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_sessions bigint;
	v_names uuid[] := array(SELECT unnest(p_contents) UNION SELECT r FROM unnest(p_readings) r WHERE r IS NOT NULL);
	v_named bigint;
	x record;
BEGIN
	FOR i IN 1 .. 100 LOOP
		a := tallyman.held_1(p_owner, p_id, p_now, p_named, p_cookie);
		-- A last use in the future would give the session too long a life.
		p_used := least(p_used, a.at);
		IF a.outcome = 'alive' THEN
			IF a.incarnation <> p_incarnation OR a.revision > p_revision THEN
				a.outcome := 'conflict';
				RETURN a;
			END IF;
			p_used := greatest(p_used, a.used);
			IF a.revision = p_revision THEN
				UPDATE tallyman.session SET used = p_used WHERE owner = p_owner AND id = p_id AND used < p_used;
				a.outcome := 'there';
				RETURN a;
			END IF;
			p_kind := a.kind;
			p_created := a.created;
			SELECT count(*), coalesce(sum(f.size), 0) INTO a.removed_files, a.removed_bytes
				FROM tallyman.file f WHERE f.incarnation = a.incarnation AND f.content <> ALL (v_names);
		END IF;
		IF a.outcome IS NOT NULL THEN
			SELECT * INTO x FROM tallyman.emptied_1(ARRAY[a.incarnation]);
			a.removed_contents := array(SELECT unnest(x.contents) EXCEPT SELECT unnest(v_names));
			UPDATE tallyman.session
				SET kind = p_kind, incarnation = p_incarnation, revision = p_revision, created = p_created, used = p_used, ended = NULL
				WHERE owner = p_owner AND id = p_id;
			a.outcome := 'replaced';
			EXIT;
		END IF;
		IF p_max IS NOT NULL AND v_sessions IS NULL THEN
			IF p_max <= 0 THEN
				a.outcome := 'full';
				RETURN a;
			END IF;
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
			VALUES (p_owner, p_id, p_kind, p_incarnation, p_revision, p_created, p_used)
			ON CONFLICT (owner, id) DO NOTHING;
		IF FOUND THEN
			a.outcome := 'begun';
			a.counted := v_sessions;
			EXIT;
		END IF;
		-- Another operation began it after we looked: look again.
		IF i = 100 THEN
			RAISE EXCEPTION 'others begin and end the session all the time' USING ERRCODE = 'serialization_failure';
		END IF;
	END LOOP;

	INSERT INTO tallyman.file (incarnation, slot, place, name, content, size, sha256, reading, reading_size, reading_sha256, summary, attached)
		SELECT p_incarnation, n.slot, row_number() OVER (PARTITION BY n.slot ORDER BY n.place), n.name, n.content, n.size, n.sha256,
				n.reading, n.reading_size, n.reading_sha256, n.summary, n.attached
			FROM unnest(p_slots, p_names, p_contents, p_sizes, p_sha256s, p_readings, p_reading_sizes, p_reading_sha256s, p_summaries, p_attached)
				WITH ORDINALITY AS n (slot, name, content, size, sha256, reading, reading_size, reading_sha256, summary, attached, place);
	-- Use one order everywhere, as attach_1 does.
	INSERT INTO tallyman.content SELECT key FROM unnest(v_names) AS key ORDER BY key ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS v_named = ROW_COUNT;
	IF v_named <> cardinality(v_names) THEN
		RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';
	END IF;
	RETURN a;
END $$;
