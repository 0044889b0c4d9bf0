package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

// begun sends a part of a request on a connection of its own, and waits for the first line
// of what is answered.
func (p *place) begun(t *testing.T, sent string) (line string) {
	t.Helper()
	c := p.dial(t)
	_, err := io.WriteString(c, sent)
	must.OK(t, err)
	line, err = bufio.NewReader(c).ReadString('\n')
	must.OK(t, err)
	return line
}

// As long as two owners send requests, one of them has a turn on less than all processors.
// Requests that wait for their client must not hold it.
func TestRequestsThatWaitForTheirClientHoldUpNoOtherOfTheirOwner(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b")
	status := func(owner string) {
		t.Helper()
		if a := p.do(t, request{method: http.MethodGet, path: "/status?_sid=x", header: apiKey(secrets[owner])}); a.status != http.StatusOK {
			t.Errorf("%s is answered %d %s", owner, a.status, a.body)
		}
	}
	for i := range runtime.GOMAXPROCS(0) + 1 {
		status("b") // b is here
		head := fmt.Sprintf("Host: localhost\r\nX-API-Key: %s\r\n", secrets["a"])
		if line := p.begun(t, fmt.Sprintf("GET /events?_sid=e%d HTTP/1.1\r\n%s\r\n", i, head)); !strings.Contains(line, "200") {
			t.Fatalf("a stream was answered %s", line)
		}
		status("b")
		// The server asks for the body when it begins to read it.
		if line := p.begun(t, fmt.Sprintf("POST /upload?_sid=u%d HTTP/1.1\r\n%sContent-Type: application/pdf\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n%%PDF", i, head)); !strings.Contains(line, "100") {
			t.Fatalf("an upload was answered %s", line)
		}
		status("b")
		status("a")
	}
}
