package s3test

import (
	"net/http"
	"testing"

	"tallyman/internal/testing/must"
)

func TestTheServerCanBeBuiltStartedAndRestarted(t *testing.T) {
	s := Start(t)
	s.Bucket(t)
	s.Kill()
	if _, err := http.Get(s.Endpoint); err == nil {
		t.Error("a server that was killed answers")
	}
	must.OK(t, s.Run())
	if err := s.Run(); err == nil {
		t.Error("it was started twice")
	}
	for _, signal := range []func() error{s.Stop, s.Continue} {
		must.OK(t, signal())
	}
}
