package doctor

import (
	"context"

	"tallyman/internal/mailbox"
	"tallyman/internal/text"
)

// mailboxes signs in to the servers of the mailboxes, as "tallyman mail" does.
func (d *doctor) mailboxes(ctx context.Context) {
	const check = "mailbox"
	for _, c := range d.Mailboxes {
		found, err := mailbox.Examine(ctx, c)
		switch {
		case err != nil:
			d.fail(check, "%s: %v", c.Name(), err)
		case len(found.Missing) > 0:
			d.warn(check, "%s: both servers take the login; missing are %s — they are made at the start", c.Name(), text.List(found.Missing, 9, text.Itself))
		case found.Failed > 0:
			d.warn(check, "%s: both servers take the login; %s in %s — the answers say why", c.Name(), text.Verb(found.Failed, "mail", "is", "are"), c.Failed)
		default:
			d.ok(check, "%s: both servers take the login, and all folders are there", c.Name())
		}
	}
}
