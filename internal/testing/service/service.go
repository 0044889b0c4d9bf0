// Package service starts a whole service for tests and measurements: real
// storage in a directory, real workers, real HTTP on this machine. The program
// that uses it must call intake.RunIfWorker first of all.
package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"tallyman/internal/blob/files"
	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/webhook"
)

// Patient configures a reader without limits of time: a slow machine must not fail a test.
var Patient = intake.Config{Time: never, PageTime: never, Stall: never}

const never = 1000 * time.Hour

// Options are the options of a service. Dir and Reader are required.
type Options struct {
	// Dir is the folder of its data.
	Dir string
	// Reader has the workers; other services may share it.
	Reader *intake.Reader
	// Lives are the lives of sessions.
	Lives session.Lives
	// Now is the clock of sessions, nil for the system's.
	Now func() time.Time
	// Config is the HTTP interface's; the desk and Loopback are filled in.
	Config httpapi.Config
	// Webhooks says where webhooks may go; nil for no webhooks.
	Webhooks *webhook.Policy
	// Wrap, if not nil, wraps the service's handler.
	Wrap func(http.Handler) http.Handler
}

// Service is a running service.
type Service struct {
	// URL is the service's URL, without a slash at the end.
	URL string
	// Address is the address that it listens on.
	Address string

	api    *httpapi.Server
	server *http.Server
	store  session.Store

	beside sync.WaitGroup // jobs and webhooks
	stop   func()
}

// Start starts a service. Close must be called.
func Start(ctx context.Context, o Options) (*Service, error) {
	store, err := sqlite.Open(ctx, o.Dir, session.Settings{Lives: o.Lives, Now: o.Now})
	if err != nil {
		return nil, err
	}
	contents, err := files.Open(filepath.Join(o.Dir, "contents"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	o.Config.Desk, o.Config.Loopback = desk.New(store, contents, o.Reader, desk.Limits{}), o.Config.Keys == nil
	if o.Config.Tasks = store.Tasks(); o.Config.JobsKept == 0 {
		o.Config.JobsKept = o.Lives.Of(session.Named)
	}
	if o.Webhooks != nil {
		o.Config.Webhooks = webhook.New(webhook.Config{Endpoints: store.Webhooks(), Queue: store.Tasks(), Policy: o.Webhooks, Version: "test"})
	}
	s := &Service{store: store, api: httpapi.New(o.Config), Address: listener.Addr().String(), URL: "http://" + listener.Addr().String()}
	var handler http.Handler = s.api
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	s.server.RegisterOnShutdown(s.api.EndStreams)
	go s.server.Serve(listener)
	var running context.Context
	running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.beside.Go(func() { s.api.RunJobs(running) })
	if o.Webhooks != nil {
		s.beside.Go(func() { o.Config.Webhooks.Run(running) })
	}
	return s, nil
}

// Close ends the service, and interrupts requests under way.
func (s *Service) Close() error {
	s.stop()
	s.beside.Wait()
	s.api.EndStreams()
	return errors.Join(s.server.Close(), s.store.Close())
}
