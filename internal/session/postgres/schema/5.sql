-- Several order exports of a session, its amendments, and files that are taken away again.

-- files_1 returns the files of an incarnation, in order. Programs for earlier schemas take
-- every file that is no bill for the order export; so those that do not say that they know
-- amendments are not shown any. They make sheets as if there were none, and keep them.
CREATE OR REPLACE FUNCTION tallyman.files_1(
	p_incarnation uuid,
	OUT slots text[], OUT names text[], OUT contents uuid[], OUT sizes bigint[], OUT sha256s bytea[],
	OUT readings uuid[], OUT reading_sizes bigint[], OUT reading_sha256s bytea[], OUT summaries bytea[], OUT attached bigint[]
) LANGUAGE sql STABLE AS $$
	SELECT array_agg(f.slot), array_agg(f.name), array_agg(f.content), array_agg(f.size), array_agg(f.sha256),
			array_agg(f.reading), array_agg(f.reading_size), array_agg(f.reading_sha256), array_agg(f.summary), array_agg(f.attached)
		FROM (SELECT * FROM tallyman.file WHERE incarnation = p_incarnation
			AND (slot <> 'amendments' OR current_setting('tallyman.slots', true) = '3') ORDER BY slot, place) f
$$;

-- attach_5 is Store.Attach: session.State.Attach in SQL, on the locked session.
-- The outcome is attached, superseded, changed or too_many. It raises TM001 if a
-- content belongs to another session, and TM002 if a file to update or detach is gone.
CREATE FUNCTION tallyman.attach_5(
	p_owner text, p_id text, p_now bigint, p_named bigint, p_cookie bigint,
	p_incarnation uuid, p_revision bigint, p_slot text, p_mode text, p_most bigint,
	p_names text[], p_contents uuid[], p_sizes bigint[], p_sha256s bytea[],
	p_readings uuid[], p_reading_sizes bigint[], p_reading_sha256s bytea[], p_summaries bytea[]
) RETURNS tallyman.answer_1 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a tallyman.answer_1;
	v_old uuid[];        -- the contents of the earlier files
	v_old_sizes bigint[];
	v_named uuid[];      -- everything named before, readings too
	v_names uuid[];      -- everything named afterwards
	v_place integer;
	v_there bigint;      -- the files of the slot
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
	SELECT array_agg(f.content), array_agg(f.size), count(*) FILTER (WHERE f.slot = p_slot), coalesce(max(f.place) FILTER (WHERE f.slot = p_slot), 0)
		INTO v_old, v_old_sizes, v_there, v_place
		FROM tallyman.file f WHERE f.incarnation = p_incarnation;
	v_named := array(
		SELECT content FROM tallyman.file WHERE incarnation = p_incarnation
		UNION SELECT reading FROM tallyman.file WHERE incarnation = p_incarnation AND reading IS NOT NULL);

	IF p_mode IN ('update', 'detach') THEN
		IF p_mode = 'update' THEN
			UPDATE tallyman.file f
				SET reading = n.reading, reading_size = n.reading_size, reading_sha256 = n.reading_sha256, summary = n.summary
				FROM unnest(p_contents, p_sizes, p_sha256s, p_readings, p_reading_sizes, p_reading_sha256s, p_summaries)
					AS n (content, size, sha256, reading, reading_size, reading_sha256, summary)
				WHERE f.incarnation = p_incarnation AND f.slot = p_slot
					AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256;
		ELSE
			DELETE FROM tallyman.file f USING unnest(p_contents, p_sizes, p_sha256s) AS n (content, size, sha256)
				WHERE f.incarnation = p_incarnation AND f.slot = p_slot
					AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256;
		END IF;
		GET DIAGNOSTICS v_matched = ROW_COUNT;
		IF v_matched <> v_new THEN
			RAISE EXCEPTION 'a file to update or detach is not there' USING ERRCODE = 'TM002';
		END IF;
	ELSE
		IF p_mode = 'replace' THEN
			v_there := 0;
		END IF;
		IF v_new + v_there > p_most THEN
			a.outcome := 'too_many';
			a.counted := v_new + v_there;
			RETURN a;
		END IF;
		IF p_mode = 'replace' THEN
			-- Other bills mean another workflow: they drop orders and amendments as well.
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
