package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/fault"
)

// secretPrefix begins every secret; base64 of its bytes follows.
const secretPrefix = "whsec_"

// secretBytes is the length of the secrets that are drawn here. Standard Webhooks allows
// 24 to 64 bytes.
const secretBytes = 32

// newSecret draws a secret.
func newSecret() string {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// keyOf returns the bytes of a secret. It fails with fault.BadRequest.
func keyOf(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || !strings.HasPrefix(secret, secretPrefix) || len(key) < 24 || len(key) > 64 {
		return nil, fault.New(fault.BadRequest, "a secret is %s and 24 to 64 bytes in base64", secretPrefix)
	}
	return key, nil
}

// sign sets the headers of Standard Webhooks for a message that is sent now. Each secret
// makes a signature, so that receivers may know either during a rotation.
func sign(h http.Header, id string, now time.Time, content []byte, secrets []string) error {
	at := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := keyOf(secret)
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(content)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", at)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	return nil
}
