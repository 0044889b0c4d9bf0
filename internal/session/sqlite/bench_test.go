package sqlite

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// bench/sessions measures more, and the disk's own rate of syncs.

func BenchmarkNew(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := mustOpen(b, b.TempDir())
			sessiontest.Clients(b, clients, func(int) error {
				_, _, err := s.New(ctx, session.Key{Owner: session.Local, ID: session.Mint()}, session.Named)
				return err
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, live := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			s := mustOpen(b, b.TempDir())
			keys := make([]session.Key, live)
			for i := range keys {
				keys[i] = session.Key{Owner: session.Local, ID: session.Mint()}
				st := session.Begin(keys[i], session.Named, s.now())
				s.table.set(keys[i], newEntry(int64(i), s.life(session.Named), &st, s.now().UnixMilli()))
			}
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.Get(ctx, keys[rand.IntN(live)])
				must.OK(b, err)
			}
			for _, k := range keys {
				s.table.remove(k) // they have no rows
			}
		})
	}
}
