package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/jackc/pgx/v5"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/s3test"
)

// copyBucket copies a bucket, as "aws s3 sync" does, and returns how many objects
// were copied and how many disappeared meanwhile.
func copyBucket(t testing.TB, server *s3test.Server, from, to string) (copied, gone int) {
	t.Helper()
	ctx := context.Background()
	client := s3.New(s3.Options{
		BaseEndpoint: &server.Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: server.Access, SecretAccessKey: server.Secret}, nil
		}),
	})
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &from})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		must.OK(t, err)
		for _, o := range page.Contents {
			got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &from, Key: o.Key})
			if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
				gone++
				continue
			}
			must.OK(t, err)
			b, err := io.ReadAll(got.Body)
			got.Body.Close()
			must.OK(t, err)
			_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &to, Key: o.Key, Body: bytes.NewReader(b), ContentType: got.ContentType, Metadata: got.Metadata})
			must.OK(t, err)
			copied++
		}
	}
	return copied, gone
}

// The backup of docs/operations.md is made while clients work: first the database, then
// the bucket. A second service is restored from both, and serves the sheet of every
// session.
func TestABackupDuringWorkIsRestoredElsewhere(t *testing.T) {
	t.Parallel()
	c := clients{t, start(t, cluster.Config{Replicas: 2}), &load.Counts{}}
	docs := documents(t)
	var ledger, passing ledger
	var over atomic.Bool
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(5, uint64(n)))
			for i := 0; !over.Load() && !t.Failed(); i++ {
				ship := docs[[]string{"T", "U", "V"}[random.IntN(3)]]
				sid := fmt.Sprintf("kept-%d-%d-%s", n, i, ship.Letter)
				c.keep(&ledger, sid, ship, func() bool { return t.Failed() })
				if n == 0 { // cleared soon, so that files disappear during the copy
					gone := fmt.Sprintf("gone-%d", i)
					c.keep(&passing, gone, ship, func() bool { return t.Failed() })
					c.ask(api.Request{Method: "POST", Path: "/clear-session", SID: gone})
				}
			}
		})
	}
	stop := func() {
		over.Store(true)
		all.Wait()
	}
	defer stop()
	size := func() int {
		ledger.mu.Lock()
		defer ledger.mu.Unlock()
		return len(ledger.of)
	}
	until(t, "there are sessions", func() bool { return size() >= 40 })
	ledger.mu.Lock()
	acknowledged := maps.Clone(ledger.of)
	ledger.mu.Unlock()

	dump, err := c.cluster.Servers.Postgres.Dump(c.cluster.Database)
	must.OK(t, err)
	before := size()
	until(t, "clients go on", func() bool { return size() >= before+10 })
	bucket := c.cluster.Servers.S3.Bucket(t)
	copied, gone := copyBucket(t, c.cluster.Servers.S3, c.cluster.Bucket, bucket)
	stop()

	database := c.cluster.Servers.Postgres.Database(t)
	must.OK(t, c.cluster.Servers.Postgres.Restore(database, dump))
	restored := start(t, cluster.Config{Replicas: 2, Database: database, Bucket: bucket})
	conn, err := pgx.Connect(t.Context(), restored.Store())
	must.OK(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `SELECT s.id, (SELECT count(*) FROM tallyman.file f WHERE f.incarnation = s.incarnation) FROM tallyman.session s`)
	must.OK(t, err)
	type row struct {
		ID    string
		Files int
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	must.OK(t, err)
	served, cleared := 0, 0
	seen := map[string]bool{}
	for _, s := range sessions {
		seen[s.ID] = true
		a, err := try(restored, api.Request{Method: "GET", Path: "/download", SID: s.ID})
		must.OK(t, err)
		if !strings.HasPrefix(s.ID, "kept-") {
			// It is in the database, but was cleared before its files were copied.
			cleared++
			continue
		}
		ship := docs[s.ID[len(s.ID)-1:]]
		want := map[int][]byte{0: nil, 1: ship.Unmatched, 2: ship.Expected}[s.Files]
		if s.Files == 0 && a.Status == 404 {
			continue
		}
		if a.Status != 200 || !bytes.Equal(a.Body, want) {
			t.Errorf("session %s of the dump, with %d files: %d %.200s", s.ID, s.Files, a.Status, a.Body)
			continue
		}
		served++
	}
	for sid := range acknowledged {
		if !seen[sid] {
			t.Errorf("session %s, acknowledged before the dump, is not in it", sid)
		}
	}
	t.Logf("dump of %d kB with %d sessions, %d of them acknowledged before; %d objects copied, %d disappeared meanwhile; %d sessions served their sheet, %d had been cleared since the dump",
		len(dump)>>10, len(sessions), len(acknowledged), copied, gone, served, cleared)
	if served < len(acknowledged) {
		t.Errorf("%d sessions served their sheet", served)
	}
}
