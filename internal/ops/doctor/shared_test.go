//go:build linux

package doctor

import (
	"net/url"
	"strings"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/session"
	"tallyman/internal/session/postgres"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
	"tallyman/internal/testing/s3test"
)

// stored returns the doctor's findings about shared storage alone.
func stored(c Config) []Finding {
	d := &doctor{Config: c}
	d.database(ctx)
	return d.findings
}

// The installation uses PostgreSQL and S3. It is healthy at first, then has one fault
// after another.
func TestSharedStorageIsExamined(t *testing.T) {
	db, err := pgtest.Start(true)
	must.OK(t, err)
	defer db.Close()
	bucket := s3test.Start(t)
	bucket.Setenv(t)
	at := db.Address(db.Database(t))
	c := config(t, t.TempDir())
	c.Store, c.Where, c.Blobs = at, "postgres://db", address(t, bucket.Address(bucket.Bucket(t), "p"))

	wants(t, stored(c), Warn, "PostgreSQL", "has no Tallyman schema yet")

	store, err := postgres.Open(ctx, at, session.Settings{}, postgres.Options{})
	must.OK(t, err)
	defer store.Close()
	contents, err := c.Blobs.Open(ctx)
	must.OK(t, err)
	secret, err := store.Secret(ctx, "listings")
	must.OK(t, err)
	wants(t, stored(c), OK, "contents", "have no owner yet")
	must.OK(t, blob.Own(ctx, contents, blob.OwnerOf(secret)))
	k := session.Key{Owner: session.Local, ID: "kept"}
	st, _, err := store.New(ctx, k, session.Named)
	must.OK(t, err)
	ref, err := contents.Put(ctx, strings.NewReader("a content"))
	must.OK(t, err)
	if _, _, err := store.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace,
		Files: []session.Input{{Name: "b.pdf", Content: ref}}}); err != nil {
		t.Fatal(err)
	}
	c.Deep = true
	found := Examine(ctx, c, nil)
	well(t, found)
	wants(t, found, OK, "PostgreSQL", "connections are taken")
	wants(t, found, OK, "contents", "1 content of 9 bytes: all are there and unchanged")
	wants(t, found, OK, "contents", "was stored, read and removed")
	if items, _, err := contents.List(ctx, "", 10); err != nil || len(items) != 0 { // the one is pending here
		t.Errorf("%v, %v", items, err)
	}

	many := c
	many.Replicas = 100
	wants(t, stored(many), Fail, "PostgreSQL", "raise max_connections")
	lost := c
	lost.Blobs = address(t, bucket.Address("no-such-bucket", "p"))
	wants(t, stored(lost), Fail, "contents", "no-such-bucket")
	own := c
	own.Blobs = nil
	wants(t, stored(own), Fail, "contents", "--blobs")
	other := c
	other.Store = db.Address(db.Database(t))
	second, err := postgres.Open(ctx, other.Store, session.Settings{}, postgres.Options{})
	must.OK(t, err)
	defer second.Close()
	_, err = second.Secret(ctx, "listings")
	must.OK(t, err)
	wants(t, stored(other), Fail, "contents", "belong to another Tallyman")

	u, err := url.Parse(at)
	must.OK(t, err)
	u.User = url.UserPassword("guarded", "wrongpassword")
	refused := c
	refused.Store = u.String()
	found = stored(refused)
	wants(t, found, Fail, "PostgreSQL", "refuses the login")
	if strings.Contains(all(found), "wrongpassword") {
		t.Errorf("it reveals the password:\n%s", all(found))
	}

	contents.Release(ref.Key)
	must.OK(t, contents.Delete(ctx, ref.Key))
	wants(t, stored(c), Fail, "contents", "1 of the 1 contents that sessions name are missing")

	t.Setenv("AWS_SECRET_ACCESS_KEY", "mistyped")
	wants(t, stored(c), Fail, "contents", "cannot be used")
	bucket.Setenv(t)
	bucket.Kill()
	wants(t, stored(c), Fail, "contents", "cannot be stored, read and removed")
}

func TestADatabaseThatLosesDataIsFound(t *testing.T) {
	db, err := pgtest.Start(false)
	must.OK(t, err)
	defer db.Close()
	c := config(t, t.TempDir())
	c.Store, c.Where = db.Address(db.Database(t)), "postgres://db"
	store, err := postgres.Open(ctx, c.Store, session.Settings{}, postgres.Options{AllowUnsafe: true})
	must.OK(t, err)
	defer store.Close()
	found := stored(c)
	wants(t, found, Fail, "PostgreSQL", "fsync is off: a power cut may lose")
	wants(t, found, Fail, "PostgreSQL", "full_page_writes is off")
	must.OK(t, db.Stop(pgtest.Fast))
	wants(t, stored(c), Fail, "PostgreSQL", "cannot be reached")
}
