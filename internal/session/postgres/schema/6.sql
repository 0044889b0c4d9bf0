-- The tasks of package queue; its comments say what they are. Earlier programs neither put
-- nor claim any. The contents that a task names have rows in tallyman.content, so no
-- program takes them for orphans.
CREATE TABLE tallyman.task (
	id          text   COLLATE "C" PRIMARY KEY,
	seq         bigint GENERATED ALWAYS AS IDENTITY,
	owner       text   COLLATE "C" NOT NULL,
	kind        text   COLLATE "C" NOT NULL,
	key         text   COLLATE "C" NOT NULL,
	fingerprint text   COLLATE "C" NOT NULL,
	payload     bytea  NOT NULL,
	contents    uuid[]   NOT NULL,
	sizes       bigint[] NOT NULL,
	sha256s     bytea[]  NOT NULL,
	state       text   NOT NULL CHECK (state IN ('waiting', 'claimed', 'done', 'dead', 'cancelled')),
	due         bigint NOT NULL, -- milliseconds since 1970, as all times
	token       bigint NOT NULL DEFAULT 0,
	note        bytea,
	error       text   NOT NULL DEFAULT '',
	result      bytea,
	created     bigint NOT NULL,
	ended       bigint,
	expires     bigint
);
CREATE UNIQUE INDEX task_key ON tallyman.task (owner, kind, key) WHERE key <> '';
CREATE INDEX task_open ON tallyman.task (kind, owner, due) WHERE state IN ('waiting', 'claimed');
CREATE INDEX task_seq ON tallyman.task (owner, kind, seq);
CREATE INDEX task_expires ON tallyman.task (expires) WHERE expires IS NOT NULL;

-- When an owner's tasks of a kind were last served, as the number of the claim. A row is
-- locked while a task of the owner and kind is put, so that its bounds hold.
CREATE TABLE tallyman.task_turn (
	kind   text   COLLATE "C" NOT NULL,
	owner  text   COLLATE "C" NOT NULL,
	served bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (kind, owner)
);
CREATE SEQUENCE tallyman.task_served;

-- put_task_6 is Queue.Put.
CREATE FUNCTION tallyman.put_task_6(
	p_now bigint, p_id text, p_owner text, p_kind text, p_key text, p_fingerprint text, p_payload bytea,
	p_contents uuid[], p_sizes bigint[], p_sha256s bytea[], p_after bigint, p_most_open bigint, p_most_kept bigint,
	OUT outcome text, OUT task tallyman.task
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	v_now bigint;
	v_open bigint;
	v_kept bigint;
	v_named bigint;
BEGIN
	INSERT INTO tallyman.task_turn (kind, owner) VALUES (p_kind, p_owner) ON CONFLICT DO NOTHING;
	PERFORM FROM tallyman.task_turn w WHERE w.kind = p_kind AND w.owner = p_owner FOR UPDATE;
	v_now := tallyman.clock_1(p_now);
	SELECT t.* INTO task FROM tallyman.task t WHERE t.id = p_id;
	IF NOT FOUND THEN
		SELECT t.* INTO task FROM tallyman.task t WHERE t.owner = p_owner AND t.kind = p_kind AND t.key = p_key AND p_key <> '';
	END IF;
	IF FOUND THEN
		outcome := 'there';
		RETURN;
	END IF;
	IF p_most_open > 0 THEN
		SELECT count(*) INTO v_open FROM tallyman.task t WHERE t.kind = p_kind AND t.owner = p_owner AND t.state IN ('waiting', 'claimed');
		IF v_open >= p_most_open THEN
			outcome := 'open';
			RETURN;
		END IF;
	END IF;
	IF p_most_kept > 0 THEN
		SELECT count(*) INTO v_kept FROM tallyman.task t WHERE t.kind = p_kind AND t.owner = p_owner;
		IF v_kept >= p_most_kept THEN
			outcome := 'kept';
			RETURN;
		END IF;
	END IF;
	INSERT INTO tallyman.task AS t (id, owner, kind, key, fingerprint, payload, contents, sizes, sha256s, state, due, created)
		VALUES (p_id, p_owner, p_kind, p_key, p_fingerprint, p_payload, p_contents, p_sizes, p_sha256s, 'waiting', v_now + p_after, v_now)
		RETURNING t.* INTO task;
	INSERT INTO tallyman.content SELECT key FROM unnest(p_contents) AS key ORDER BY key ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS v_named = ROW_COUNT;
	IF v_named <> cardinality(p_contents) THEN
		RAISE EXCEPTION 'a content belongs to something else' USING ERRCODE = 'TM001';
	END IF;
	outcome := 'put';
END $$;

-- claim_task_6 is Queue.Claim. It skips tasks that others are claiming.
CREATE FUNCTION tallyman.claim_task_6(
	p_now bigint, p_kind text, p_lease bigint, OUT outcome text, OUT task tallyman.task
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	v_now bigint := tallyman.clock_1(p_now);
	v_owner text;
BEGIN
	outcome := 'none';
	FOR v_owner IN
		SELECT o.owner FROM (
			SELECT t.owner, count(*) FILTER (WHERE t.due <= v_now) AS ready, count(*) FILTER (WHERE t.state = 'claimed' AND t.due > v_now) AS running
				FROM tallyman.task t WHERE t.kind = p_kind AND t.state IN ('waiting', 'claimed') GROUP BY t.owner
		) o LEFT JOIN tallyman.task_turn w ON w.kind = p_kind AND w.owner = o.owner
		WHERE o.ready > 0 ORDER BY o.running, coalesce(w.served, 0), o.owner
	LOOP
		SELECT t.* INTO task FROM tallyman.task t
			WHERE t.kind = p_kind AND t.owner = v_owner AND t.state IN ('waiting', 'claimed') AND t.due <= v_now
			ORDER BY t.due, t.seq LIMIT 1 FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN NOT FOUND;
		UPDATE tallyman.task t SET state = 'claimed', due = v_now + p_lease, token = t.token + 1 WHERE t.id = task.id RETURNING t.* INTO task;
		UPDATE tallyman.task_turn w SET served = nextval('tallyman.task_served') WHERE w.kind = p_kind AND w.owner = v_owner;
		outcome := 'claimed';
		RETURN;
	END LOOP;
END $$;

-- hold_task_6 locks a task. The outcome is held if the claim of that number holds at the
-- time v_now, repeated if it ended the task in a state, and lost otherwise.
CREATE FUNCTION tallyman.hold_task_6(
	p_now bigint, p_id text, p_token bigint, p_state text, OUT outcome text, OUT v_now bigint, OUT task tallyman.task
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	outcome := 'lost';
	SELECT t.* INTO task FROM tallyman.task t WHERE t.id = p_id FOR UPDATE;
	IF NOT FOUND OR task.token <> p_token THEN
		RETURN;
	END IF;
	-- Read the clock after the lock.
	v_now := tallyman.clock_1(p_now);
	IF task.state = 'claimed' AND task.due > v_now THEN
		outcome := 'held';
	ELSIF task.state = p_state THEN
		outcome := 'repeated';
	END IF;
END $$;

-- extend_task_6 is Queue.Extend.
CREATE FUNCTION tallyman.extend_task_6(
	p_now bigint, p_id text, p_token bigint, p_lease bigint, p_note bytea
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	h record;
BEGIN
	SELECT * INTO h FROM tallyman.hold_task_6(p_now, p_id, p_token, NULL);
	IF h.outcome = 'held' THEN
		UPDATE tallyman.task t SET due = h.v_now + p_lease, note = coalesce(p_note, t.note) WHERE t.id = p_id;
	END IF;
	RETURN h.outcome;
END $$;

-- retry_task_6 is Queue.Retry.
CREATE FUNCTION tallyman.retry_task_6(
	p_now bigint, p_id text, p_token bigint, p_after bigint, p_error text
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	h record;
BEGIN
	SELECT * INTO h FROM tallyman.hold_task_6(p_now, p_id, p_token, NULL);
	IF h.outcome = 'held' THEN
		UPDATE tallyman.task t SET state = 'waiting', due = h.v_now + p_after, error = p_error WHERE t.id = p_id;
	END IF;
	RETURN h.outcome;
END $$;

-- end_task_6 ends a task that is locked, and returns what it named.
CREATE FUNCTION tallyman.end_task_6(
	p_id text, p_state text, p_at bigint, p_keep bigint, OUT freed uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	SELECT t.contents INTO freed FROM tallyman.task t WHERE t.id = p_id;
	DELETE FROM tallyman.content c WHERE c.key = ANY (freed);
	UPDATE tallyman.task t SET state = p_state, ended = p_at, expires = p_at + p_keep, contents = '{}', sizes = '{}', sha256s = '{}' WHERE t.id = p_id;
END $$;

-- finish_task_6 is Queue.Finish.
CREATE FUNCTION tallyman.finish_task_6(
	p_now bigint, p_id text, p_token bigint, p_state text, p_result bytea, p_error text, p_keep bigint,
	OUT outcome text, OUT freed uuid[]
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	h record;
BEGIN
	SELECT * INTO h FROM tallyman.hold_task_6(p_now, p_id, p_token, p_state);
	outcome := h.outcome;
	IF outcome = 'held' THEN
		UPDATE tallyman.task t SET result = p_result, error = p_error WHERE t.id = p_id;
		freed := tallyman.end_task_6(p_id, p_state, h.v_now, p_keep);
	END IF;
END $$;

-- cancel_task_6 is Queue.Cancel.
CREATE FUNCTION tallyman.cancel_task_6(
	p_now bigint, p_owner text, p_id text, p_keep bigint, OUT outcome text, OUT freed uuid[], OUT task tallyman.task
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	SELECT t.* INTO task FROM tallyman.task t WHERE t.id = p_id AND t.owner = p_owner FOR UPDATE;
	IF NOT FOUND THEN
		outcome := 'none';
	ELSIF task.state IN ('waiting', 'claimed') THEN
		outcome := 'cancelled';
		freed := tallyman.end_task_6(p_id, 'cancelled', tallyman.clock_1(p_now), p_keep);
		SELECT t.* INTO task FROM tallyman.task t WHERE t.id = p_id;
	ELSE
		outcome := 'ended';
	END IF;
END $$;

-- expire_task_6 is Queue.Expire.
CREATE FUNCTION tallyman.expire_task_6(p_now bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	v_now bigint := tallyman.clock_1(p_now);
	v_removed bigint;
BEGIN
	DELETE FROM tallyman.task WHERE id IN (
		SELECT t.id FROM tallyman.task t WHERE t.expires <= v_now ORDER BY t.expires LIMIT p_limit FOR UPDATE SKIP LOCKED
	);
	GET DIAGNOSTICS v_removed = ROW_COUNT;
	RETURN v_removed;
END $$;
-- The webhooks of each owner who has some, as package webhook writes them.
CREATE TABLE tallyman.webhook (
	owner    text   COLLATE "C" PRIMARY KEY,
	revision bigint NOT NULL,
	content  bytea  NOT NULL
);
