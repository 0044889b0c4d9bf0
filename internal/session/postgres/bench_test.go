package postgres

import (
	"fmt"
	"sync"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
)

// The server is durable, as in real use, and runs on the same machine as the clients.
func Benchmark(b *testing.B) {
	s, err := pgtest.Start(true)
	must.OK(b, err)
	defer s.Close()
	store, err := Open(ctx, s.Address(s.Database(b)), session.Settings{}, Options{Connections: 32})
	must.OK(b, err)
	defer store.Close()
	for _, op := range []struct {
		name string
		do   func(*session.State) error
	}{
		{"New", func(*session.State) error {
			_, _, err := store.New(ctx, session.Key{Owner: session.Local, ID: session.Mint()}, session.Named)
			return err
		}},
		{"Get", func(st *session.State) error {
			_, err := store.Get(ctx, st.Key)
			return err
		}},
		{"Attach", func(st *session.State) error {
			_, _, err := store.Attach(ctx, st.Key, session.Attachment{
				Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{sessiontest.NewInput("bol.pdf")},
			})
			return err
		}},
	} {
		for _, clients := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/clients=%d", op.name, clients), func(b *testing.B) {
				sessions := make([]session.State, clients)
				for i := range sessions {
					var err error
					sessions[i], _, err = store.New(ctx, session.Key{Owner: session.Local, ID: session.Mint()}, session.Named)
					must.OK(b, err)
				}
				work := make(chan struct{}, clients)
				var all sync.WaitGroup
				for client := range clients {
					all.Go(func() {
						for range work {
							if err := op.do(&sessions[client]); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for b.Loop() {
					work <- struct{}{}
				}
				close(work)
				all.Wait()
			})
		}
	}
}
