package serve

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native"
	"github.com/inferprof/inferprof/sampling"
)

// completion is an answer, or one event of a streamed one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index          int       `json:"index"`
	Text           string    `json:"text"`
	Logprobs       *logprobs `json:"logprobs"`
	FinishReason   *string   `json:"finish_reason"`
	StopReason     any       `json:"stop_reason"` // a stop string or the id of a stop token
	TokenIDs       []int32   `json:"token_ids,omitempty"`
	PromptTokenIDs []int32   `json:"prompt_token_ids,omitempty"`
}

// logprobs is OpenAI's form: parallel lists, one entry a token.
type logprobs struct {
	TextOffset    []int                `json:"text_offset"`
	TokenLogprobs []float64            `json:"token_logprobs"`
	Tokens        []string             `json:"tokens"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	TotalTokens      int `json:"total_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// exchange is one request for completions on its way.
type exchange struct {
	server  *Server
	request *completionRequest
	head    completion // what every event has in common
	streams []*native.Stream
	choices []*choiceState
	usage   usage
}

// choiceState is what has to be known of a choice between two of its events.
type choiceState struct {
	begun  bool
	offset int // characters so far
	prompt int // its number
	echo   string
}

func (s *Server) completions(w http.ResponseWriter, q *http.Request) {
	r, requests, err := s.parse(q)
	if err != nil {
		failWith(w, err)
		return
	}
	s.load.Add(1)
	defer s.load.Add(-1)
	ctx, cancel := context.WithCancel(q.Context()) // a client that goes away takes its request along
	defer cancel()
	x := &exchange{server: s, request: r}
	x.head = completion{ID: requestID(q, r), Object: "text_completion", Created: time.Now().Unix(), Model: s.options.ModelName}
	if err := x.submit(ctx, requests); err != nil {
		failWith(w, err)
		return
	}
	if r.Stream {
		x.stream(ctx, w)
	} else {
		x.whole(ctx, w)
	}
}

func requestID(q *http.Request, r *completionRequest) string {
	for _, id := range []string{q.Header.Get("X-Request-Id"), r.RequestID} {
		if id != "" {
			return "cmpl-" + id
		}
	}
	return "cmpl-" + strings.ToLower(rand.Text())
}

// submit hands all prompts to the engine. If one cannot be answered none is.
func (x *exchange) submit(ctx context.Context, requests []engine.Request) error {
	for i, r := range requests {
		r.ID = fmt.Sprintf("%s-%d", x.head.ID, i)
		tokens := r.PromptTokenIDs
		if tokens == nil && r.Prompt != "" {
			r.PromptTokenIDs = x.server.engine.Encode(r.Prompt)
		}
		if err := x.fits(r); err != nil {
			return err
		}
		stream, err := x.server.engine.Submit(ctx, r)
		if err != nil {
			return err
		}
		x.streams = append(x.streams, stream)
		x.usage.PromptTokens += stream.PromptTokens
		for range r.Params.Answers() {
			c := &choiceState{prompt: i}
			if x.request.Echo {
				if c.echo = r.Prompt; tokens != nil {
					c.echo = x.server.engine.Decode(tokens...)
				}
			}
			x.choices = append(x.choices, c)
		}
	}
	return nil
}

// fits refuses what the context cannot hold, as vLLM does, where the engine would answer as far as it holds.
func (x *exchange) fits(r engine.Request) error {
	n, longest := len(r.PromptTokenIDs), x.server.Info().MaxModelLen
	if x.request.MaxTokens == nil || n+r.Params.MaxTokens <= longest || n >= longest {
		return nil
	}
	return refuse("max_tokens", "this model's maximum context length is %d tokens, but the prompt has %d and max_tokens asks for %d more: shorten one of them",
		longest, n, r.Params.MaxTokens)
}

// whole answers when all is there.
func (x *exchange) whole(ctx context.Context, w http.ResponseWriter) {
	x.head.Choices = make([]choice, len(x.choices))
	for i := range x.head.Choices {
		x.head.Choices[i].Index = i
	}
	for i, stream := range x.streams {
		for {
			deltas, err := stream.Next(ctx)
			if err != nil {
				failWith(w, err)
				return
			}
			if len(deltas) == 0 {
				break
			}
			for _, d := range deltas {
				x.add(x.choice(i, d))
			}
		}
	}
	x.head.Usage = x.total()
	answer(w, http.StatusOK, x.head)
}

// add puts a piece of a choice to what there is of it.
func (x *exchange) add(piece choice) {
	c := &x.head.Choices[piece.Index]
	c.Text += piece.Text
	c.FinishReason, c.StopReason = piece.FinishReason, piece.StopReason
	c.TokenIDs = append(c.TokenIDs, piece.TokenIDs...)
	if piece.PromptTokenIDs != nil {
		c.PromptTokenIDs = piece.PromptTokenIDs
	}
	if l := piece.Logprobs; l != nil {
		if c.Logprobs == nil {
			c.Logprobs = &logprobs{}
		}
		c.Logprobs.TextOffset = append(c.Logprobs.TextOffset, l.TextOffset...)
		c.Logprobs.TokenLogprobs = append(c.Logprobs.TokenLogprobs, l.TokenLogprobs...)
		c.Logprobs.Tokens = append(c.Logprobs.Tokens, l.Tokens...)
		c.Logprobs.TopLogprobs = append(c.Logprobs.TopLogprobs, l.TopLogprobs...)
	}
}

func (x *exchange) total() *usage {
	u := x.usage
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return &u
}

// stream answers piece by piece, as server-sent events.
func (x *exchange) stream(ctx context.Context, w http.ResponseWriter) {
	type news struct {
		prompt int
		deltas []native.Delta
		err    error
	}
	all, left := make(chan news), len(x.streams)
	for i, stream := range x.streams {
		go func() {
			for {
				deltas, err := stream.Next(ctx)
				select {
				case all <- news{i, deltas, err}:
				case <-ctx.Done():
					return
				}
				if err != nil || len(deltas) == 0 {
					return
				}
			}
		}()
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w)
	send := func(v any) {
		text, err := json.Marshal(v)
		if err == nil {
			fmt.Fprintf(w, "data: %s\n\n", text)
		}
	}
	_ = flush.Flush() // the status, so that the client knows its request is accepted
	for left > 0 {
		var n news
		select {
		case n = <-all:
		case <-ctx.Done():
			return
		}
		switch {
		case n.err != nil:
			send(map[string]apiError{"error": newAPIError(statusOf(n.err), "", "%v", n.err)})
			left = 0
			continue
		case len(n.deltas) == 0:
			left--
			continue
		}
		for _, d := range n.deltas {
			event := x.head
			event.Choices = []choice{x.choice(n.prompt, d)}
			if o := x.request.StreamOptions; o != nil && o.ContinuousUsage {
				event.Usage = x.total()
			}
			send(event)
		}
		if flush.Flush() != nil {
			return
		}
	}
	if o := x.request.StreamOptions; o != nil && o.IncludeUsage {
		event := x.head
		event.Choices, event.Usage = []choice{}, x.total()
		send(event)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
	_ = flush.Flush()
}

// choice is a piece of one answer to a prompt.
func (x *exchange) choice(prompt int, d native.Delta) choice {
	i := prompt*(len(x.choices)/len(x.streams)) + d.Index
	state := x.choices[i]
	c := choice{Index: i, Text: d.Text}
	if !state.begun {
		state.begun = true
		c.Text = state.echo + d.Text
		if x.request.ReturnTokenIDs {
			c.PromptTokenIDs = x.streams[prompt].PromptTokenIDs
		}
	}
	if x.request.ReturnTokenIDs {
		c.TokenIDs = d.TokenIDs
	}
	if d.Logprobs != nil {
		c.Logprobs = x.logprobs(state, d.Logprobs)
	}
	if d.Finish != "" {
		reason := string(d.Finish)
		c.FinishReason = &reason
		switch {
		case d.StopReason != "":
			c.StopReason = d.StopReason
		case d.StopToken != nil:
			c.StopReason = *d.StopToken
		}
	}
	x.usage.CompletionTokens += len(d.TokenIDs)
	return c
}

func (x *exchange) logprobs(state *choiceState, places []sampling.PlaceLogprobs) *logprobs {
	l := &logprobs{}
	for _, p := range places {
		text := x.tokenText(p.Chosen.ID)
		l.Tokens = append(l.Tokens, text)
		l.TokenLogprobs = append(l.TokenLogprobs, p.Chosen.Logprob)
		l.TextOffset = append(l.TextOffset, state.offset)
		state.offset += len([]rune(text))
		top := map[string]float64{text: p.Chosen.Logprob} // the chosen token is always there
		for _, t := range p.Top {
			top[x.tokenText(t.ID)] = t.Logprob
		}
		l.TopLogprobs = append(l.TopLogprobs, top)
	}
	return l
}

func (x *exchange) tokenText(id int32) string {
	if text := x.server.engine.Decode(id); text != "" {
		return text
	}
	return fmt.Sprintf("token_id:%d", id)
}
