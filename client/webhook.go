package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is a message that a server sends to a webhook.
type Event struct {
	// ID is the same however often the event is sent. Keep the IDs of a few days, and
	// ignore an event that you have.
	ID string `json:"-"`
	// Type is "sheet.ready", "upload.failed", "job.done", "job.failed", "ping" or another one
	// of GET /webhooks.
	Type string `json:"type"`
	// Timestamp is when the event happened, not when it was sent.
	Timestamp time.Time `json:"timestamp"`
	// Data depends on the type; docs/api.md describes it.
	Data json.RawMessage `json:"data"`
}

// WebhookTolerance is how far the clocks of server and receiver may differ.
const WebhookTolerance = 5 * time.Minute

// VerifyWebhook returns the event of a request that a server sent to a webhook. header and
// body are those of the request; the body must be complete and unchanged. secrets are those
// of the webhook, beginning with whsec_: several while a new one replaces an old one. It fails
// if none of them made a signature of the request, and if it was sent more than
// WebhookTolerance ago. Requests are signed as Standard Webhooks says.
func VerifyWebhook(header http.Header, body []byte, secrets ...string) (Event, error) {
	return verifyWebhook(header, body, time.Now(), secrets)
}

func verifyWebhook(header http.Header, body []byte, now time.Time, secrets []string) (Event, error) {
	id, at, signatures := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), header.Get("Webhook-Signature")
	if id == "" || at == "" || signatures == "" {
		return Event{}, errors.New("the request has no webhook-id, webhook-timestamp and webhook-signature: it is not of a webhook")
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Event{}, fmt.Errorf("the webhook-timestamp %.40q is not a number of seconds", at)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > WebhookTolerance || age < -WebhookTolerance {
		return Event{}, fmt.Errorf("the request was sent at %v, which is too far from now: it may be an old one that somebody repeats", time.Unix(seconds, 0).UTC())
	}
	if err := signedBy(secrets, id+"."+at+"."+string(body), signatures); err != nil {
		return Event{}, err
	}
	e := Event{ID: id}
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("the body is not an event: %w", err)
	}
	return e, nil
}

func signedBy(secrets []string, content, signatures string) error {
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return errors.New("a secret of the webhook is whsec_ and bytes in base64")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(content))
		for s := range strings.FieldsSeq(signatures) {
			version, encoded, _ := strings.Cut(s, ",")
			given, err := base64.StdEncoding.DecodeString(encoded)
			if version == "v1" && err == nil && hmac.Equal(given, mac.Sum(nil)) {
				return nil
			}
		}
	}
	return errors.New("no secret of the webhook made a signature of the request: it is not of the server, or was changed on its way")
}
