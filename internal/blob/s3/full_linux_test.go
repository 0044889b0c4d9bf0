package s3

import (
	"bytes"
	"errors"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/blob/blobtest"
	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/s3test"
	"tallyman/internal/testing/smalldisk"
)

// The server's disk is a file system of a few MiB.
func TestAFullServerIsReportedAndWorksAgainWithRoom(t *testing.T) {
	smalldisk.Run(t, "6m", func(t *testing.T, small string) {
		server, err := s3test.New(small)
		must.OK(t, err)
		t.Cleanup(server.Kill)
		server.Setenv(t)
		b := &bench{t, server, server.Bucket(t)}
		s := b.open(b.config())

		kept := blobtest.Bytes(100_000)
		ref := b.put(s, kept)
		var filling []blob.Key
		for {
			big, err := s.Put(ctx, bytes.NewReader(blobtest.Bytes(1<<20)))
			if err == nil {
				filling = append(filling, big.Key)
				if len(filling) > 6 {
					t.Fatal("the disk does not fill up")
				}
				continue
			}
			if fault.CodeOf(err) != blob.StorageFull {
				t.Errorf("on a full disk: %v (%v)", err, errors.Unwrap(err))
			}
			break
		}
		if n := len(b.objects()); n != len(filling)+1 {
			t.Errorf("%d objects, want %d", n, len(filling)+1)
		}
		b.holds(s, ref, kept)
		if err := s.Delete(ctx, filling...); err != nil {
			t.Errorf("deleting on a full disk: %v (%v)", err, errors.Unwrap(err))
		}
		b.holds(s, b.put(s, kept), kept)
		if err := s.Check(ctx); err != nil {
			t.Errorf("%v (%v)", err, errors.Unwrap(err))
		}
	})
}
