<?php
/**
 * Posts one click to the connector, signed. It carries ids only, never a phone number.
 */
class CallerDesk
{
    /** What config_override.php says under `callerdesk`, or what it says under one of its keys. */
    public static function config($key, $else = null)
    {
        $told = isset($GLOBALS['sugar_config']['callerdesk']) ? $GLOBALS['sugar_config']['callerdesk'] : array();
        return isset($told[$key]) ? $told[$key] : $else;
    }

    /** Status and body of the connector's answer; 0 and an empty text when none came within the seconds. */
    public static function ask($module, $record, $source, $clickId, $seconds)
    {
        $user = isset($GLOBALS['current_user']->id) ? $GLOBALS['current_user']->id : null;
        $body = json_encode(array_filter(array(
            'object' => $module,
            'id' => $record,
            'user' => $user,
            'click_id' => $clickId,
            'source' => $source,
        )));
        $curl = curl_init(self::config('url'));
        curl_setopt_array($curl, array(
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => array(
                'Content-Type: application/json',
                'X-Signature: ' . hash_hmac('sha256', $body, self::config('secret', '')),
            ),
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_CONNECTTIMEOUT => 2,
            CURLOPT_TIMEOUT => $seconds,
        ));
        $answer = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_HTTP_CODE);
        curl_close($curl);
        return array($answer === false ? 0 : $status, (string) $answer);
    }
}
