//go:build unix

package s3test

import (
	"errors"
	"syscall"
)

// Stop suspends the server, with its connections open, until Continue.
func (s *Server) Stop() error { return s.signal(syscall.SIGSTOP) }

// Continue resumes a suspended server.
func (s *Server) Continue() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("the S3 server for tests does not run")
	}
	return s.cmd.Process.Signal(sig)
}
