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
	"time"

	"tallyman/internal/blob/files"
	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
)

// Patient configures a reader without limits of time: a slow machine must not fail a test.
var Patient = intake.Config{Time: never, Stall: never}

const never = 1000 * time.Hour

// Options are the options of a service. Dir and Reader are required.
type Options struct {
	// Dir is the folder of its data.
	Dir string
	// Reader has the workers; other services may share it.
	Reader *intake.Reader
	// Lives are the lives of sessions.
	Lives session.Lives
	// Limits bound the queue of uploads.
	Limits desk.Limits
	// Config is the HTTP interface's; the desk and Loopback are filled in.
	Config httpapi.Config
	// Wrap, if not nil, wraps the service's handler.
	Wrap func(http.Handler) http.Handler
	// Address is the address to listen on; "" for a free port of 127.0.0.1.
	Address string
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
}

// Start starts a service. Close must be called.
func Start(ctx context.Context, o Options) (*Service, error) {
	store, err := sqlite.Open(ctx, o.Dir, session.Settings{Lives: o.Lives})
	if err != nil {
		return nil, err
	}
	contents, err := files.Open(filepath.Join(o.Dir, "contents"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	o.Config.Desk, o.Config.Loopback = desk.New(store, contents, o.Reader, o.Limits), o.Config.Keys == nil
	s := &Service{store: store, api: httpapi.New(o.Config), Address: listener.Addr().String(), URL: "http://" + listener.Addr().String()}
	var handler http.Handler = s.api
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	s.server.RegisterOnShutdown(s.api.EndStreams)
	go s.server.Serve(listener)
	return s, nil
}

// Close ends the service, and interrupts requests under way.
func (s *Service) Close() error {
	s.api.EndStreams()
	return errors.Join(s.server.Close(), s.store.Close())
}
