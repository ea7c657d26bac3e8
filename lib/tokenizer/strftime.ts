// Dates in chat templates: the directives of Python's strftime that can be written without a locale, in English.

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `%d %b %Y` → `05 Mar 2026` in local time; `%-d` leaves out the padding; an unknown directive stays as it is. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, dash: string, directive: string) => {
    const value = valueOf(date, directive);
    if (value === undefined) return whole;
    if (typeof value === 'string') return value;
    const width = directive === 'Y' ? 4 : directive === 'j' ? 3 : directive === 'f' ? 6 : 2;
    return dash === '-' ? String(value) : String(value).padStart(width, '0');
  });
}

function valueOf(date: Date, directive: string): string | number | undefined {
  const part = (name: string): string => strftime(date, name);
  switch (directive) {
    case 'Y':
      return date.getFullYear();
    case 'y':
      return date.getFullYear() % 100;
    case 'm':
      return date.getMonth() + 1;
    case 'B':
      return months[date.getMonth()];
    case 'b':
      return months[date.getMonth()]?.slice(0, 3);
    case 'd':
      return date.getDate();
    case 'A':
      return days[date.getDay()];
    case 'a':
      return days[date.getDay()]?.slice(0, 3);
    case 'H':
      return date.getHours();
    case 'I':
      return date.getHours() % 12 || 12;
    case 'p':
      return date.getHours() < 12 ? 'AM' : 'PM';
    case 'M':
      return date.getMinutes();
    case 'S':
      return date.getSeconds();
    case 'f':
      return date.getMilliseconds() * 1000;
    case 'j':
      return dayOfYear(date);
    case 'F':
      return part('%Y-%m-%d');
    case 'T':
      return part('%H:%M:%S');
    case '%':
      return '%';
    default:
      return undefined;
  }
}

function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return (day - Date.UTC(date.getFullYear(), 0, 0)) / 86_400_000;
}
