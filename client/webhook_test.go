package client

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example that Standard Webhooks publishes.
const (
	exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime   = 1614265330
	exampleBody   = `{"test": 2432232314}`
	exampleSigned = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestReceiversTellTheServersRequestsFromOthers(t *testing.T) {
	const another = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, c := range []struct {
		name                string
		id, at, signed, got string
		secrets             []string
		late                time.Duration
		problem             string // "" if the request is accepted
	}{
		{name: "the published example"},
		{name: "while the secret is replaced", secrets: []string{another, exampleSecret}},
		{name: "several signatures", signed: "v1,AAAA " + exampleSigned + " v1a,BBBB"},
		{name: "another secret", secrets: []string{another}, problem: "no secret"},
		{name: "no secret", secrets: []string{}, problem: "no secret"},
		{name: "a secret that is none", secrets: []string{"whsec_?"}, problem: "base64"},
		{name: "another body", got: exampleBody + " ", problem: "no secret"},
		{name: "another message", id: "msg_other", problem: "no secret"},
		{name: "another time", at: "1614265331", problem: "no secret"},
		{name: "a later version of signatures", signed: "v2" + strings.TrimPrefix(exampleSigned, "v1"), problem: "no secret"},
		{name: "an old request", late: WebhookTolerance + time.Second, problem: "too far"},
		{name: "a request from the future", late: -WebhookTolerance - time.Second, problem: "too far"},
		{name: "no time", at: "soon", problem: "number of seconds"},
		{name: "no signature", signed: "-", problem: "not of a webhook"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("webhook-id", cmp.Or(c.id, exampleID))
			header.Set("webhook-timestamp", cmp.Or(c.at, "1614265330"))
			if signed := cmp.Or(c.signed, exampleSigned); signed != "-" {
				header.Set("webhook-signature", signed)
			}
			if c.secrets == nil {
				c.secrets = []string{exampleSecret}
			}
			e, err := verifyWebhook(header, []byte(cmp.Or(c.got, exampleBody)), time.Unix(exampleTime, 0).Add(c.late), c.secrets)
			switch {
			case c.problem == "" && (err != nil || e.ID != exampleID):
				t.Errorf("got %+v, %v", e, err)
			case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
				t.Errorf("got %v, want an error about %q", err, c.problem)
			}
		})
	}
}
