package httpapi

import (
	"errors"
	"net/url"
	"strings"

	"tallyman/internal/fault"
)

// parseQuery reads the query of the URL. An echo shows one that is malformed as
// well; anything that is done needs to know exactly what is asked for.
func (c *call) parseQuery() error {
	values, err := parseValues(c.r.URL.RawQuery)
	c.values = values
	if err != nil && (!c.route.reads || c.query("_action") != "") {
		return fault.New(fault.BadRequest, "the query of the URL is not well-formed: %w; write a percent sign as %%25", err)
	}
	return nil
}

// parseValues reads pairs as they stand in queries and forms. A semicolon is a
// character like any other; url.ParseQuery refuses it. What cannot be decoded
// stays as it is, and is an error.
func parseValues(text string) (url.Values, error) {
	values := url.Values{}
	var failed error
	decode := func(s string) string {
		plain, err := url.QueryUnescape(s)
		if err != nil {
			failed = errors.New("it has a percent sign without two hexadecimal digits after it")
			return s
		}
		return plain
	}
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = decode(name)
		values[name] = append(values[name], decode(value))
	}
	return values, failed
}
