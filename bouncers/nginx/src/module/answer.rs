//! Answers that we make ourselves: the challenge's page and the metrics. Everything else nginx answers.

use std::ptr::{addr_of_mut, null_mut};

use ngx::core::Status;
use ngx::ffi::{
    ngx_buf_t, ngx_chain_t, ngx_create_temp_buf, ngx_http_discard_request_body, ngx_http_output_filter,
    ngx_http_request_t, ngx_http_send_header, ngx_int_t, ngx_list_part_t, ngx_list_push, ngx_str_t,
    ngx_table_elt_t,
};

/// A whole answer, never to be kept by anybody.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// Such as `text/html`; sent as UTF-8.
    pub(super) kind: Kind,
    pub(super) body: &'a str,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Html,
    Metrics,
}

// === impl Kind ===

impl Kind {
    /// The whole header, and how much of it is the type alone: filters of nginx compare that.
    const fn header(self) -> (&'static str, usize) {
        match self {
            Self::Html => ("text/html; charset=utf-8", "text/html".len()),
            Self::Metrics => ("text/plain; version=0.0.4; charset=utf-8", "text/plain".len()),
        }
    }
}

// === impl Answer ===

impl Answer<'_> {
    /// Sends it. Returns what nginx is to be told.
    pub(super) fn send(&self, request: *mut ngx_http_request_t) -> ngx_int_t {
        const OK: ngx_int_t = Status::NGX_OK.0;
        // SAFETY: the request is live, nobody has answered it yet, and what is not copied lives for ever. nginx takes
        // the chain's link over before it returns.
        unsafe {
            let discarded = ngx_http_discard_request_body(request);
            if discarded != OK {
                return discarded;
            }
            let Some(body) = self.buffer(request) else {
                return Status::NGX_ERROR.into();
            };
            let (kind, alone) = self.kind.header();
            // Behind an `error_page` nginx would send what led there.
            (*request).err_status = 0;
            let out = &mut (*request).headers_out;
            // Of a backend that sent nginx on to this place (`X-Accel-Redirect`).
            for name in [&b"cache-control"[..], b"content-disposition"] {
                drop_header(&raw mut out.headers.part, name);
            }
            out.status = self.status.into();
            out.content_type = still(kind);
            out.content_type_len = alone;
            out.content_length_n = self.body.len().try_into().unwrap_or(0);
            let Some(header) = ngx_list_push(addr_of_mut!(out.headers))
                .cast::<ngx_table_elt_t>()
                .as_mut()
            else {
                return Status::NGX_ERROR.into();
            };
            // All of it: nginx does not, and later versions follow a pointer in it.
            std::ptr::write_bytes(header, 0, 1);
            header.hash = 1;
            header.key = still("Cache-Control");
            header.value = still("no-store");
            let sent = ngx_http_send_header(request);
            // AGAIN is no failure: the header waits for the client, and the body behind it.
            if sent == ngx_int_t::from(Status::NGX_ERROR) || sent > OK || (*request).header_only() != 0 {
                return sent;
            }
            let mut chain = ngx_chain_t {
                buf: body,
                next: null_mut(),
            };
            ngx_http_output_filter(request, &raw mut chain)
        }
    }

    /// The body, in memory of the request.
    unsafe fn buffer(&self, request: *mut ngx_http_request_t) -> Option<*mut ngx_buf_t> {
        let length = self.body.len();
        // SAFETY: the request is live, so its pool is; the buffer has room for the body.
        unsafe {
            let buffer = ngx_create_temp_buf((*request).pool, length).as_mut()?;
            std::ptr::copy_nonoverlapping(self.body.as_ptr(), buffer.pos, length);
            buffer.last = buffer.pos.add(length);
            // Within another page (SSI, `add_after_body`) ours is not the end of the answer.
            buffer.set_last_buf(u32::from(request == (*request).main));
            buffer.set_last_in_chain(1);
            Some(buffer)
        }
    }
}

/// Takes a header away that whoever answered before had set.
unsafe fn drop_header(first: *mut ngx_list_part_t, name: &[u8]) {
    let mut next = first;
    // SAFETY: the parts of a list, and their elements, are nginx's own, each as many as it says.
    unsafe {
        while let Some(part) = next.as_ref() {
            for number in 0..part.nelts {
                let header = &mut *part.elts.cast::<ngx_table_elt_t>().add(number);
                if header.key.as_bytes().eq_ignore_ascii_case(name) {
                    header.hash = 0;
                }
            }
            next = part.next;
        }
    }
}

/// A text that is never freed, for nginx, which never writes into it.
const fn still(text: &'static str) -> ngx_str_t {
    ngx_str_t {
        len: text.len(),
        data: text.as_ptr().cast_mut(),
    }
}
