/// @file
/// The lexical rules of HTTP that more than one part needs: tokens, field values, names that compare without case. RFC
/// 9110 section 5.6.
#pragma once

#include <cstddef>
#include <string_view>

#include <bight/export.hpp>

namespace bight::http {

/// Whether `text` is a token: at least one character, all of them letters, digits, a backtick or one of `!#$%&'*+-.^_|~`.
/// Methods and field names are tokens (RFC 9110, 5.6.2).
BIGHT_API bool isToken(std::string_view text) noexcept;

/// Whether `text` may be a field value: no control characters but tab (so no line end can be smuggled in), and neither
/// a space nor a tab at either end (RFC 9110, 5.5). An empty value is one.
BIGHT_API bool isFieldValue(std::string_view text) noexcept;

/// Whether two ASCII strings are the same but for the case of their letters: how field names, codings and connection
/// options compare.
BIGHT_API bool equalsIgnoringCase(std::string_view a, std::string_view b) noexcept;

/// `text` without the spaces and tabs at its ends (optional white space, RFC 9110, 5.6.3).
BIGHT_API std::string_view trimWhitespace(std::string_view text) noexcept;

/// Takes the next element off a comma-separated list (RFC 9110, 5.6.1): returns it trimmed and moves `list` behind its
/// comma. Empty elements are skipped; an empty result means that the list is at its end. Commas inside quoted strings
/// do not separate.
///
///     for (std::string_view item = nextListItem(value); !item.empty(); item = nextListItem(value)) …
BIGHT_API std::string_view nextListItem(std::string_view& list) noexcept;

}  // namespace bight::http
