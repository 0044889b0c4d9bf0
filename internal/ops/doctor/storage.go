package doctor

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/s3"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/postgres"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/text"
)

// IdentityName is the name of the file in a data directory that identifies the owner
// of its contents, if they are kept elsewhere.
const IdentityName = "identity"

// sessions checks the embedded database, and the contents that it names.
func (d *doctor) sessions(ctx context.Context) {
	const check = "sessions"
	if there, err := sqlite.Exists(d.Data); err != nil {
		d.fail(check, "%s — run this as the server's user", because(err))
		return
	} else if !there {
		if _, err := os.Stat(d.Data); err == nil {
			d.warn(check, "there are none in %s yet — if there should be, name the server's directory with --data", d.Data)
		}
		return
	}
	look := func() ([]blob.Ref, error) {
		seen, err := sqlite.Look(ctx, d.Data, d.Scratch)
		if err != nil {
			return nil, err
		}
		return seen.Contents, nil
	}
	seen, err := sqlite.Look(ctx, d.Data, d.Scratch)
	switch {
	case fault.CodeOf(err) == fault.Busy:
		d.warn(check, "%s", because(err))
		return
	case fault.CodeOf(err) == session.StorageFull:
		d.warn(check, "there is no room in %s for the copy that is examined: %s — give TMPDIR a place with room", d.Scratch, because(err))
		return
	case err != nil:
		d.fail(check, "%s", because(err))
		return
	case len(seen.Damage) > 0:
		d.fail(check, "the database in %s is damaged (%s) — stop the server, move the directory away, and restore it from a backup or start anew", d.Data, strings.Join(seen.Damage, "; "))
		return
	}
	d.ok(check, "%s; the database is sound", text.Count(seen.Sessions, "session"))
	d.schema(check, seen.Schema, seen.Known)
	store, ok := d.contents(ctx, func() (string, error) {
		b, err := os.ReadFile(filepath.Join(d.Data, IdentityName))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return blob.OwnerOf(b), err
	})
	if ok {
		d.compare(ctx, store, seen.Contents, look)
	}
}

func (d *doctor) schema(check string, is, known int) {
	if is < known {
		d.warn(check, "the schema has version %d, and this program uses %d — its next start upgrades the schema; make a backup first, since there is no way back", is, known)
	}
}

// clockTolerance is the difference of clocks below which nothing is reported: lives
// of sessions, ages of orphans and signatures are all of minutes or more.
const clockTolerance = 5 * time.Second

func (d *doctor) clock(check, whose string, ahead, doubt time.Duration) {
	apart, where := ahead, "ahead"
	if apart < 0 {
		apart, where = -apart, "behind"
	}
	if apart-doubt > clockTolerance {
		d.warn(check, "the clock of %s is %s %s of this machine's — set both by NTP", whose, brief(apart), where)
	}
}

// always is longer than the life of any session.
const always = 100 * 365 * 24 * time.Hour

// database checks PostgreSQL, and the contents that its rows name.
func (d *doctor) database(ctx context.Context) {
	const check = "PostgreSQL"
	store, err := postgres.Open(ctx, d.Store, session.Settings{Lives: session.Lives{Named: always, Cookie: always}},
		postgres.Options{Connections: 2, Look: true, Log: slog.New(slog.DiscardHandler)})
	switch {
	case fault.CodeOf(err) == postgres.NoSchema:
		d.warn(check, "%s answers, but has no Tallyman schema yet — the first start of a server creates it", d.Where)
		return
	case fault.CodeOf(err) == session.StorageUnavailable:
		d.fail(check, "%s — check that it runs, and that the address and the network are right", because(err))
		return
	case err != nil:
		d.fail(check, "%s", because(err))
		return
	}
	defer store.Close()
	srv, err := store.Server(ctx)
	if err != nil {
		d.fail(check, "%s", because(err))
		return
	}
	risks, err := store.Doctor(ctx)
	if err != nil {
		d.fail(check, "%s", because(err))
		return
	}
	d.ok(check, "%s is PostgreSQL %s, with schema %d", d.Where, srv.Version, srv.Schema)
	for _, r := range risks {
		v := Warn
		if r.Refused {
			v = Fail
		}
		d.bad(v, check, "%s — %s", r.Found, r.Advice)
	}
	d.schema(check, srv.Schema, srv.Known)
	switch {
	case srv.Standby:
		d.fail(check, "it is a standby, which accepts no changes — name the primary, or all hosts with target_session_attrs=read-write")
	case !srv.MayWrite:
		d.fail(check, "the role may not change the tables — make it the owner of the schema tallyman")
	case !srv.MayMigrate:
		d.warn(check, "the role does not own the schema tallyman and cannot upgrade it — make it the owner")
	}
	// Each server needs one more connection for events, and an upgrade one more in
	// total.
	need, room := d.Replicas*(d.Connections+1)+1, srv.Connections-srv.Reserved
	switch {
	case need > room:
		d.fail(check, "it allows %d connections, and %s of up to %d each need %d — raise max_connections, or lower --store-connections", room, text.Count(d.Replicas, "server"), d.Connections+1, need)
	case room-srv.Used < need && srv.Programs == 0:
		d.warn(check, "%d of %d connections are taken, which leaves fewer than the %d that are needed — raise max_connections", srv.Used, room, need)
	default:
		d.ok(check, "%d of %d connections are taken, %d by Tallyman; %d are needed at most", srv.Used, room, srv.Programs, need)
	}
	d.clock(check, "the database", srv.Ahead, srv.Doubt)
	all, err := store.Keys().All(ctx)
	if err != nil {
		d.fail("keys", "%s", because(err))
	} else {
		d.tellKeys("keys", all)
	}

	look := func() ([]blob.Ref, error) { return named(ctx, store) }
	refs, err := look()
	if err != nil {
		d.fail("sessions", "%s", because(err))
		return
	}
	contents, ok := d.contents(ctx, func() (string, error) {
		secret, err := store.FindSecret(ctx, "listings")
		if err != nil || secret == nil {
			return "", err
		}
		return blob.OwnerOf(secret), nil
	})
	if ok {
		d.compare(ctx, contents, refs, look)
	}
}

// named lists the contents that a store's sessions name.
func named(ctx context.Context, store session.Store) (refs []blob.Ref, err error) {
	var after session.Key
	for {
		page, err := store.List(ctx, session.Query{After: after, Limit: session.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, st := range page.Sessions {
			refs = append(refs, st.Stored()...)
			after = st.Key
		}
		if !page.More {
			return refs, nil
		}
	}
}

// contents opens the place of the contents for reading, and tests it if it is
// elsewhere. owner returns the expected owner, "" if it is not decided yet.
func (d *doctor) contents(ctx context.Context, owner func() (string, error)) (blob.Store, bool) {
	const check = "contents"
	if d.Blobs == nil || d.Blobs.Dir != "" {
		dir := filepath.Join(d.Data, "contents")
		if d.Blobs != nil {
			dir = d.Blobs.Dir
		} else if d.Store != "" {
			d.warn(check, "they are on this machine: other servers of the same database cannot read them — give all of them --blobs")
		}
		store, err := files.Look(dir)
		if err != nil {
			d.fail(check, "%s — give the place of the contents with --blobs, or restore them", because(err))
			return nil, false
		}
		return store, d.Blobs == nil || d.owned(ctx, store, owner)
	}
	store, err := s3.Open(ctx, d.Blobs.S3)
	if err != nil {
		d.fail(check, "%s — correct --blobs, or the credentials in the environment", because(err))
		return nil, false
	}
	began := time.Now()
	if err := store.Check(ctx); err != nil {
		d.fail(check, "an object cannot be stored, read and removed at %s: %s — check the service and the rights of the credentials (s3:PutObject, GetObject, DeleteObject on the prefix, ListBucket)", d.Blobs, because(err))
		return nil, false
	}
	d.ok(check, "%s: an object was stored, read and removed in %s", d.Blobs, brief(time.Since(began)))
	if ahead, err := store.Skew(ctx); err != nil {
		d.warn(check, "%s", because(err))
	} else {
		d.clock(check, "the storage service", ahead, time.Second)
	}
	return store, d.owned(ctx, store, owner)
}

// owned checks whether contents belong to these sessions.
func (d *doctor) owned(ctx context.Context, store blob.Claimer, owner func() (string, error)) bool {
	const check = "contents"
	recorded, err := store.Claimed(ctx)
	if err != nil {
		d.fail(check, "%s", because(err))
		return false
	}
	us, err := owner()
	switch {
	case err != nil:
		d.fail(check, "their owner cannot be determined: %s", because(err))
		return false
	case recorded != "" && recorded != us:
		d.fail(check, "they belong to another Tallyman (%.8s…, this one is %.8s…) — correct --blobs, --data or --store: each needs a folder, or a prefix of the bucket, of its own", recorded, us)
		return false
	case recorded == "":
		d.ok(check, "they have no owner yet; the first server that starts claims them")
	}
	return true
}

// sweptAfter is the age at which every orphan must have been swept. A sweep runs every
// hour, and spares contents of shared storage that are younger than a day.
const sweptAfter = 26 * time.Hour

// compare checks the stored contents against those that sessions name. look reads the
// names again: a session may be cleared meanwhile.
func (d *doctor) compare(ctx context.Context, store blob.Store, refs []blob.Ref, look func() ([]blob.Ref, error)) {
	const check = "contents"
	stored := map[blob.Key]blob.Item{}
	for it, err := range blob.All(ctx, store, 1000) {
		if err != nil {
			d.fail(check, "they cannot be listed: %s", because(err))
			return
		}
		stored[it.Key] = it
	}
	lookAgain := func() (map[blob.Key]bool, error) {
		refs, err := look()
		named := map[blob.Key]bool{}
		for _, ref := range refs {
			named[ref.Key] = true
		}
		return named, err
	}
	still, err := lookAgain()
	if err != nil {
		d.warn(check, "they could not be compared with the sessions: %s", because(err))
		return
	}
	var missing, damaged int
	var unread []blob.Ref // missing when they were read
	var bytes int64
	for _, ref := range refs {
		it, there := stored[ref.Key]
		delete(stored, ref.Key)
		switch {
		case !still[ref.Key]: // its session was cleared meanwhile
		case !there:
			missing++
		case it.Size != ref.Size:
			damaged++
		case d.Deep:
			err := blob.Verify(ctx, store, ref)
			switch fault.CodeOf(err) {
			case "":
			case fault.NotFound:
				unread = append(unread, ref)
			case blob.Damaged:
				damaged++
			default:
				d.fail(check, "they cannot be read: %s", because(err))
				return
			}
		}
		bytes += ref.Size
	}
	// Their sessions may have been cleared while other contents were read. Look once for
	// all contents, since each look copies the whole database.
	if len(unread) > 0 {
		if named, err := lookAgain(); err == nil {
			unread = slices.DeleteFunc(unread, func(ref blob.Ref) bool { return !named[ref.Key] })
		}
		missing += len(unread)
	}
	if missing > 0 {
		d.fail(check, "%d of the %d contents that sessions name are missing — restore them from a backup, or clear these sessions; everything else works", missing, len(refs))
	}
	if damaged > 0 {
		d.fail(check, "%d of the %d contents that sessions name differ from what was stored — check the disk; restore them from a backup, or let people upload again", damaged, len(refs))
	}
	if missing+damaged == 0 {
		how := "all are there, by name and size; --deep also reads them"
		if d.Deep {
			how = "all are there and unchanged"
		}
		d.ok(check, "%s of %s: %s", text.Count(len(refs), "content"), text.Size(bytes), how)
	}
	var orphans, old int
	var room int64
	for k, it := range stored {
		if still[k] {
			continue // new
		}
		orphans++
		room += it.Size
		if time.Since(it.Written) > sweptAfter {
			old++
		}
	}
	switch {
	case old > 0:
		d.warn(check, "%s that no session names, of %s, %d older than a day — a server sweeps them every hour: start one, or look for \"sweep failed\" in its log; if sessions were lost, restore them before you let a sweep remove that many (--sweep-share)", text.Count(orphans, "content"), text.Size(room), old)
	case orphans > 0:
		d.ok(check, "%s that no session names, of %s: being uploaded, or left for the next sweep", text.Count(orphans, "content"), text.Size(room))
	}
}
