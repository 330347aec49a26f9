"""One page that states the finding: self-contained HTML that works offline, for runs and for the lecture's claims."""
