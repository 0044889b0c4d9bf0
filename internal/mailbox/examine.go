package mailbox

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Examined is what Examine found.
type Examined struct {
	// Missing are folders that are not there yet.
	Missing []string
	// Failed is how many mails lie in the folder of failed ones.
	Failed int
}

// Examine signs in to the servers of a mailbox, and changes nothing. It fails with
// fault.BadRequest, Refused and Unreachable.
func Examine(ctx context.Context, c Config) (found Examined, err error) {
	if err := c.Check(); err != nil {
		return found, err
	}
	b, err := signIn(ctx, &c)
	if err != nil {
		return found, err
	}
	defer b.close()
	if found.Missing, err = b.missing(ctx); err != nil {
		return found, err
	}
	if len(found.Missing) == 0 {
		err = b.do(ctx, 0, func() error {
			st, err := b.client.Status(c.Failed, &imap.StatusOptions{NumMessages: true}).Wait()
			if err == nil && st.NumMessages != nil {
				found.Failed = int(*st.NumMessages)
			}
			return err
		})
		if err != nil {
			return found, err
		}
	}
	p, err := openPost(ctx, &c)
	if err != nil {
		return found, err
	}
	p.close()
	return found, nil
}
